//! Lets glibc's heap give back what a request used.
//!
//! Rust's standard library has no access to these settings, so this package calls glibc itself. The
//! mirror's own package forbids unsafe code. Without glibc, the functions do nothing.

/// The size of blocks that are mapped apart from the heap, and of free memory that the heap keeps at
/// its end, in bytes. With 128 KiB, an answer with 10,000 points takes twice as long, because the
/// system clears every page that it gives.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const THRESHOLD: libc::c_int = 4 << 20;

/// Makes the heap return what is free beyond a few megabytes. Call it once, before anything is
/// allocated that matters.
///
/// glibc maps large blocks apart from the heap, and unmaps them when they are freed. But it takes
/// the first large block for a sign that more will follow, and keeps up to twice its size from then
/// on ("mallopt", Linux man-pages: `M_MMAP_THRESHOLD`). Setting the thresholds ends that.
pub fn return_early() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for threshold in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: mallopt has no preconditions; it reads two numbers and locks the heap itself.
        unsafe {
            libc::mallopt(threshold, THRESHOLD);
        }
    }
}

/// Returns free memory in the middle of the heap ("malloc_trim", Linux man-pages). It takes about a
/// millisecond, so call it only after something large was freed.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim has no preconditions; it locks the heap itself and frees no block in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #[test]
    fn memory_that_is_free_is_given_back() {
        super::return_early();
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok())
        };
        let Some(before) = resident() else { return };
        // Blocks of one kilobyte are not mapped apart, and the last one keeps the heap's end.
        let mut blocks: Vec<Vec<u8>> = (0..40_000).map(|_| vec![1; 1_024]).collect();
        blocks.drain(..39_999);
        super::give_back();
        let after = resident().unwrap_or_default();
        assert!(after < before + (8 << 10), "{before} KiB, and then {after} KiB");
        assert_eq!(blocks[0][0], 1);
    }
}
