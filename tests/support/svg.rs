//! Renders a terminal screen as an SVG of its grid.
//!
//! Each character has an explicit x, so no font and no wide character can shift a row. Rules are paths, because fonts
//! leave gaps between box-drawing characters, and circles too. The SVG never depends on the clock: dates and times have fixed values.

use std::fmt::Write as _;

use vt100::{Color, Screen};

/// `JetBrains` Mono at 15 px is 9 px wide, so cells are whole pixels.
const CELL_WIDTH: usize = 9;
const CELL_HEIGHT: usize = 20;
const BASELINE: usize = 15;
const PADDING: usize = 14;

/// The colors of the screen.
#[derive(Clone, Copy)]
pub(crate) struct Palette {
    background: &'static str,
    text: &'static str,
    dim: &'static str,
    good: &'static str,
    bad: &'static str,
    doubt: &'static str,
}

/// Light text on a dark background.
pub(crate) const DARK: Palette = Palette {
    background: "#1c1f26",
    text: "#d5d9e0",
    dim: "#6b7280",
    good: "#8fce7e",
    bad: "#ff8a80",
    doubt: "#dda0f5",
};

/// Dark text on a light background.
pub(crate) const LIGHT: Palette = Palette {
    background: "#fbfbf9",
    text: "#24292f",
    dim: "#a3a9b1",
    good: "#2f8a1f",
    bad: "#b3261e",
    doubt: "#8e2fb0",
};

impl Palette {
    fn style(&self) -> String {
        let Self { background, text, dim, good, bad, doubt } = self;
        format!(
            "text{{font:15px 'JetBrains Mono',monospace;fill:{text}}}\
             .good{{fill:{good}}}.bad{{fill:{bad}}}.doubt{{fill:{doubt}}}.turned{{fill:{background}}}\
             .bold{{font-weight:700}}.rule{{stroke:{text};fill:none}}.dim-rule{{stroke:{dim};fill:none}}\
             .turned-rule{{stroke:{background};fill:none}}.back{{fill:{text}}}"
        )
    }
}

/// The shapes of dates and times (0 is a digit, A and a are letters), and the fixed value for each.
const TIME_PATTERNS: [(&str, &str); 6] = [
    ("0 min 00 s", "1 min 59 s"),
    ("00 Aaa 00 00:00", "22 Nov 26 14:03"),
    ("00 Aaa 0000", "22 Nov 2026"),
    ("0 Aaa 0000", "22 Nov 2026"),
    ("00:00:00", "14:03:09"),
    ("00:00", "14:03"),
];

/// One cell of the grid.
#[derive(Clone, PartialEq, Eq)]
struct SvgCell {
    text: String,
    class: String,
    is_inverse: bool,
}

/// Renders the screen as an SVG document in these colors.
pub(crate) fn render_svg(screen: &Screen, palette: Palette) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let grid: Vec<Vec<SvgCell>> = (0..rows).map(|row| read_row(screen, row, columns)).collect();
    let width = usize::from(columns) * CELL_WIDTH + 2 * PADDING;
    let height = usize::from(rows) * CELL_HEIGHT + 2 * PADDING;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <style>{}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{}\"/>\n",
        palette.style(),
        palette.background
    );
    for (row, cells) in grid.iter().enumerate() {
        draw_row(&mut out, row, cells);
    }
    out.push_str("</svg>\n");
    out
}

fn read_row(screen: &Screen, row: u16, columns: u16) -> Vec<SvgCell> {
    let cell = |column| {
        let cell = screen.cell(row, column).expect("within the screen");
        let mut class = match (cell.inverse(), cell.fgcolor()) {
            (true, Color::Default) => "turned",
            (false, Color::Idx(2)) => "good",
            (false, Color::Idx(1)) => "bad",
            (false, Color::Idx(5)) => "doubt",
            (false, Color::Default) if cell.dim() => "dim",
            (false, Color::Default) => "",
            (_, other) => panic!("the demo never shows {other:?}"),
        }
        .to_owned();
        if cell.bold() {
            class.push_str(if class.is_empty() { "bold" } else { " bold" });
        }
        // The second cell of a wide character has no text.
        SvgCell { text: cell.contents().to_owned(), class, is_inverse: cell.inverse() }
    };
    let mut cells: Vec<SvgCell> = (0..columns).map(cell).collect();
    mask_times(&mut cells);
    cells
}

/// Replaces every date and time with a fixed value, so that a screenshot does not change with the clock.
fn mask_times(cells: &mut Vec<SvgCell>) {
    let mut at = 0;
    while at < cells.len() {
        let matching = TIME_PATTERNS.into_iter().find(|(shape, _)| matches_pattern(&cells[at..], shape));
        let Some((shape, fixed)) = matching else {
            at += 1;
            continue;
        };
        // The first nine days of a month have one digit: insert a cell, and keep the length of the row.
        for _ in shape.len()..fixed.len() {
            cells.insert(at, cells[at].clone());
            cells.pop();
        }
        for (cell, c) in cells[at..].iter_mut().zip(fixed.chars()) {
            cell.text = c.to_string();
        }
        at += fixed.len();
    }
}

fn matches_pattern(cells: &[SvgCell], shape: &str) -> bool {
    let fits = |cell: &SvgCell, expected: char| match (cell.text.as_bytes(), expected) {
        ([byte], '0') => byte.is_ascii_digit(),
        ([byte], 'A') => byte.is_ascii_uppercase(),
        ([byte], 'a') => byte.is_ascii_lowercase(),
        // A blank cell may have no text.
        ([] | [b' '], ' ') => true,
        ([byte], _) => char::from(*byte) == expected,
        _ => false,
    };
    cells.len() >= shape.len() && cells.iter().zip(shape.chars()).all(|(cell, expected)| fits(cell, expected))
}

fn draw_row(out: &mut String, row: usize, cells: &[SvgCell]) {
    let top = PADDING + row * CELL_HEIGHT;
    for (start, run) in group_runs(cells, |cell| cell.is_inverse).filter(|(_, run)| run[0].is_inverse) {
        let (x, width) = (PADDING + start * CELL_WIDTH, run.len() * CELL_WIDTH);
        push_line(
            out,
            format_args!("<rect class=\"back\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{CELL_HEIGHT}\"/>"),
        );
    }
    for (start, run) in group_runs(cells, |cell| (cell.text.clone(), cell.class.clone())) {
        let class = match (run[0].is_inverse, run[0].class.as_str()) {
            (true, _) => "turned-rule",
            (false, "dim") => "dim-rule",
            // A rule, or a circle beside bold words.
            (false, _) => "rule",
        };
        let (left, right) = (PADDING + start * CELL_WIDTH, PADDING + (start + run.len()) * CELL_WIDTH);
        let middle = top + CELL_HEIGHT / 2;
        match run[0].text.as_str() {
            "─" => push_line(out, format_args!("<path class=\"{class}\" d=\"M{left} {middle}.5H{right}\"/>")),
            "━" => push_line(
                out,
                format_args!("<path class=\"{class}\" stroke-width=\"3\" d=\"M{left} {middle}.5H{right}\"/>"),
            ),
            // The font does not have it.
            "○" => (0..run.len()).for_each(|n| {
                let x = left + n * CELL_WIDTH + CELL_WIDTH / 2;
                push_line(out, format_args!("<circle class=\"{class}\" cx=\"{x}.5\" cy=\"{middle}\" r=\"3.5\"/>"));
            }),
            "│" => (0..run.len()).for_each(|n| {
                let (x, bottom) = (left + n * CELL_WIDTH + CELL_WIDTH / 2, top + CELL_HEIGHT);
                push_line(out, format_args!("<path class=\"{class}\" d=\"M{x}.5 {top}V{bottom}\"/>"));
            }),
            _ => {}
        }
    }
    let is_text = |cell: &SvgCell| !matches!(cell.text.as_str(), "" | " " | "─" | "━" | "│" | "○");
    for (start, run) in
        group_runs(cells, |cell| (is_text(cell), cell.class.clone())).filter(|(_, run)| is_text(&run[0]))
    {
        draw_text(out, start, top + BASELINE, run);
    }
}

fn draw_text(out: &mut String, start: usize, y: usize, run: &[SvgCell]) {
    let class = if run[0].class.is_empty() { String::new() } else { format!(" class=\"{}\"", run[0].class) };
    // A list of x positions applies to characters, so a cell with several characters needs its own text element.
    for (offset, part) in group_runs(run, |cell| cell.text.chars().count() > 1) {
        let pieces: Vec<&[SvgCell]> =
            if part[0].text.chars().count() > 1 { part.chunks(1).collect() } else { vec![part] };
        for (n, piece) in pieces.iter().enumerate() {
            let first = start + offset + n;
            let xs: Vec<String> =
                (first..first + piece.len()).map(|column| (PADDING + column * CELL_WIDTH).to_string()).collect();
            let text: String = piece.iter().map(|cell| escape_xml(&cell.text)).collect();
            push_line(out, format_args!("<text{class} x=\"{}\" y=\"{y}\">{text}</text>", xs.join(" ")));
        }
    }
}

/// Splits cells into runs of equal key, each with the index of its first cell.
fn group_runs<K: PartialEq>(
    cells: &[SvgCell],
    key: impl Fn(&SvgCell) -> K,
) -> impl Iterator<Item = (usize, &[SvgCell])> {
    let mut start = 0;
    cells.chunk_by(move |a, b| key(a) == key(b)).map(move |run| {
        start += run.len();
        (start - run.len(), run)
    })
}

fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn push_line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a String never fails");
}
