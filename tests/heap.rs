//! Memory that is free is given back to the system. It needs a process without other tests.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::fs::read_to_string;

use stackstate_mirror::heap;

#[test]
fn memory_that_is_free_is_given_back() {
    heap::return_early();
    let resident = || {
        let status = read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok())
    };
    let Some(before) = resident() else { return };
    // Blocks of one kilobyte are not mapped apart, and the last one keeps the heap's end.
    let mut blocks: Vec<Vec<u8>> = (0..40_000).map(|_| vec![1; 1_024]).collect();
    blocks.drain(..39_999);
    heap::give_back();
    let after = resident().unwrap_or_default();
    assert!(after < before + (8 << 10), "{before} KiB, and then {after} KiB");
    assert_eq!(blocks[0][0], 1);
}
