//! The log of each test, at the most verbose level.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use serde_json::Value;
use stackstate_mirror::log;
use stackstate_mirror::log::LogConfig;
use tracing::Level;

thread_local!(static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

/// Writes to the log of the current thread, which is the test's own.
struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with(|logged| logged.borrow_mut().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts to capture this thread's log.
pub(crate) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let config = LogConfig { level: Level::TRACE, json: true };
        tracing::subscriber::set_global_default(log::subscriber(config, || Writer)).unwrap();
    });
    LOGGED.with(|logged| logged.borrow_mut().clear());
}

/// The log of this thread since then.
pub(crate) fn text() -> String {
    LOGGED.with(|logged| String::from_utf8(logged.borrow().clone()).unwrap())
}

/// The lines of the log.
pub(crate) fn lines() -> Vec<Value> {
    text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every field of these lines is in the table of `docs/operate.md`.
pub(crate) fn assert_documented(lines: &[Value]) {
    let documented = file("docs/operate.md");
    for name in lines.iter().flat_map(|line| line.as_object().unwrap().keys()) {
        assert!(documented.contains(&format!("`{name}`")), "docs/operate.md describes {name}");
    }
}

/// A file of this repository.
pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}
