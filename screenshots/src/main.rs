//! Renders every screenshot of the repository from SVG to the PNG beside it.
//!
//! It never starts pindesk: the tests of pindesk write the SVG files. It uses no system font, so the PNG files are the
//! same on every machine. It is a package of its own, so that building pindesk and its tests needs no SVG renderer.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Pixels of the PNG per pixel of the SVG: sharp on high-density screens too.
const PNG_SCALE: f32 = 2.0;

const FONTS: [&[u8]; 2] = [
    include_bytes!("../../tests/fonts/JetBrainsMono-Regular.subset.ttf"),
    include_bytes!("../../tests/fonts/JetBrainsMono-Bold.subset.ttf"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_data(font.to_vec());
    }
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            render(&path, &options).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}

/// Renders one SVG file to the PNG file beside it.
fn render(svg: &Path, options: &Options<'_>) -> Result<(), Box<dyn Error>> {
    let tree = Tree::from_str(&fs::read_to_string(svg)?, options)?;
    let size = tree.size().to_int_size().scale_by(PNG_SCALE).ok_or("the image has no size")?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or("the image has no size")?;
    resvg::render(&tree, Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
    fs::write(svg.with_extension("png"), pixels.encode_png()?)?;
    Ok(())
}
