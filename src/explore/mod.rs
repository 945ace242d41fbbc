//! The files of the page at `/explore`, which asks the four calls as StackState does and shows
//! what comes back. The page has no endpoint of its own. `docs/explore.md` is a tour of it.

/// One file of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// The segments of its path behind `explore`.
    path: &'static [&'static str],
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The headers of every file. A page that reads credentials loads nothing from elsewhere, is shown
/// in no frame of another page, and tells nobody its address. A browser asks for it each time, so
/// that a deployment shows at once.
pub const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("cache-control", "no-cache"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! file {
    ($type:expr, $name:literal) => {
        File { path: &[$name], content_type: $type, text: include_str!($name) }
    };
}

/// `uplot` is uPlot 1.6.24 as its package has it, under the MIT licence beside it. Later versions are
/// larger, by things that this page does not use.
static FILES: [File; 17] = [
    File { path: &[], content_type: HTML, text: include_str!("page.html") },
    file!(CSS, "page.css"),
    file!(SVG, "icon.svg"),
    file!(JAVASCRIPT, "page.js"),
    file!(JAVASCRIPT, "connection.js"),
    file!(JAVASCRIPT, "filters.js"),
    file!(JAVASCRIPT, "mirror.js"),
    file!(JAVASCRIPT, "picker.js"),
    file!(JAVASCRIPT, "chart.js"),
    file!(JAVASCRIPT, "forms.js"),
    file!(JAVASCRIPT, "stackstate.js"),
    file!(JAVASCRIPT, "sets.js"),
    file!(JAVASCRIPT, "table.js"),
    file!(JAVASCRIPT, "wire.js"),
    file!(JAVASCRIPT, "dom.js"),
    file!(JAVASCRIPT, "format.js"),
    File {
        path: &["uplot", "uPlot.iife.min.js"],
        content_type: JAVASCRIPT,
        text: include_str!("uplot/uPlot.iife.min.js"),
    },
];

/// The file with these path segments behind `explore`. Without any, it is the page itself.
pub fn file(segments: &[&str]) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == segments)
}
