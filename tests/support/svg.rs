//! A terminal's screen as an SVG of its own grid, and as a PNG of that.
//!
//! Each character stands on its cell by an explicit x, so that no font and no wide character can shift a row. Rules
//! are drawn as paths, since fonts leave gaps between their pieces. Nothing of the machine goes in: no system font,
//! and of a date or a time of day only that one stands there.

use std::fmt::Write as _;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use vt100::{Color, Screen};

/// `JetBrains` Mono at 15 px: 9 px wide, so that cells are whole pixels.
const CELL_WIDTH: usize = 9;
const CELL_HEIGHT: usize = 20;
const BASELINE: usize = 15;
const PADDING: usize = 14;

/// Pixels of the PNG to one of the SVG: sharp on dense screens, too.
const PNG_SCALE: f32 = 2.0;

const FONTS: [&[u8]; 2] = [
    include_bytes!("../fonts/JetBrainsMono-Regular.subset.ttf"),
    include_bytes!("../fonts/JetBrainsMono-Bold.subset.ttf"),
];

const BACKGROUND: &str = "#1c1f26";
const STYLE: &str = "text{font:15px 'JetBrains Mono',monospace;fill:#d5d9e0}\
                     .good{fill:#8fce7e}.bad{fill:#ff8a80}.doubt{fill:#dda0f5}.turned{fill:#1c1f26}\
                     .bold{font-weight:700}.rule{stroke:#d5d9e0;fill:none}.turned-rule{stroke:#1c1f26;fill:none}\
                     .back{fill:#d5d9e0}";

/// What dates and times of day look like, digits as 0 and letters as a, and what they are replaced by.
const TIME_PATTERNS: [(&str, &str); 4] =
    [("00 Aaa 0000", "22 Nov 2026"), ("0 Aaa 0000", "22 Nov 2026"), ("00:00:00", "14:03:09"), ("00:00", "14:03")];

/// One cell as it is drawn.
#[derive(Clone, PartialEq, Eq)]
struct SvgCell {
    text: String,
    class: String,
    is_inverse: bool,
}

/// The screen as SVG.
pub(crate) fn render_svg(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let grid: Vec<Vec<SvgCell>> = (0..rows).map(|row| read_row(screen, row, columns)).collect();
    let width = usize::from(columns) * CELL_WIDTH + 2 * PADDING;
    let height = usize::from(rows) * CELL_HEIGHT + 2 * PADDING;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <style>{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for (row, cells) in grid.iter().enumerate() {
        draw_row(&mut out, row, cells);
    }
    out.push_str("</svg>\n");
    out
}

/// The SVG as PNG, in the fonts above and no other.
pub(crate) fn render_png(svg: &str) -> Vec<u8> {
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_data(font.to_vec());
    }
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    let tree = Tree::from_str(svg, &options).expect("an SVG");
    let size = tree.size().to_int_size().scale_by(PNG_SCALE).expect("a size");
    let mut pixels = Pixmap::new(size.width(), size.height()).expect("a size");
    resvg::render(&tree, Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
    pixels.encode_png().expect("it encodes")
}

fn read_row(screen: &Screen, row: u16, columns: u16) -> Vec<SvgCell> {
    let cell = |column| {
        let cell = screen.cell(row, column).expect("within the screen");
        let mut class = match (cell.inverse(), cell.fgcolor()) {
            (true, _) => "turned",
            (false, Color::Idx(2)) => "good",
            (false, Color::Idx(1)) => "bad",
            (false, Color::Idx(5)) => "doubt",
            (false, Color::Default) => "",
            (false, other) => panic!("the console has no {other:?}"),
        }
        .to_owned();
        if cell.bold() {
            class.push_str(if class.is_empty() { "bold" } else { " bold" });
        }
        // The second half of a wide character has no text of its own.
        SvgCell { text: cell.contents().to_owned(), class, is_inverse: cell.inverse() }
    };
    let mut cells: Vec<SvgCell> = (0..columns).map(cell).collect();
    mask_times(&mut cells);
    cells
}

/// Gives every date and every time of day a fixed value: what the clock says must not age a screenshot.
fn mask_times(cells: &mut Vec<SvgCell>) {
    let mut at = 0;
    while at < cells.len() {
        let found = TIME_PATTERNS.into_iter().find(|(shape, _)| matches_pattern(&cells[at..], shape));
        let Some((shape, fixed)) = found else {
            at += 1;
            continue;
        };
        // The first days of a month are a digit shorter; the row stays as long as it was.
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
    let fits = |cell: &SvgCell, wanted: char| match (cell.text.as_bytes(), wanted) {
        ([byte], '0') => byte.is_ascii_digit(),
        ([byte], 'A') => byte.is_ascii_uppercase(),
        ([byte], 'a') => byte.is_ascii_lowercase(),
        // A blank cell may have no text.
        ([] | [b' '], ' ') => true,
        ([byte], _) => char::from(*byte) == wanted,
        _ => false,
    };
    cells.len() >= shape.len() && cells.iter().zip(shape.chars()).all(|(cell, wanted)| fits(cell, wanted))
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
    for (start, run) in group_runs(cells, |cell| (cell.text.clone(), cell.is_inverse)) {
        let class = if run[0].is_inverse { "turned-rule" } else { "rule" };
        let (left, right) = (PADDING + start * CELL_WIDTH, PADDING + (start + run.len()) * CELL_WIDTH);
        let middle = top + CELL_HEIGHT / 2;
        match run[0].text.as_str() {
            "─" => push_line(out, format_args!("<path class=\"{class}\" d=\"M{left} {middle}.5H{right}\"/>")),
            "│" => (0..run.len()).for_each(|n| {
                let (x, bottom) = (left + n * CELL_WIDTH + CELL_WIDTH / 2, top + CELL_HEIGHT);
                push_line(out, format_args!("<path class=\"{class}\" d=\"M{x}.5 {top}V{bottom}\"/>"));
            }),
            _ => {}
        }
    }
    let is_text = |cell: &SvgCell| !matches!(cell.text.as_str(), "" | " " | "─" | "│");
    for (start, run) in
        group_runs(cells, |cell| (is_text(cell), cell.class.clone())).filter(|(_, run)| is_text(&run[0]))
    {
        draw_text(out, start, top + BASELINE, run);
    }
}

fn draw_text(out: &mut String, start: usize, y: usize, run: &[SvgCell]) {
    let class = if run[0].class.is_empty() { String::new() } else { format!(" class=\"{}\"", run[0].class) };
    // A list of x gives each character its own; a cell of several characters has to be a text by itself.
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

/// Parts of equal key, each with the place where it starts.
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
    writeln!(out, "{text}").expect("a String takes everything");
}
