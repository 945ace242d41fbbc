//! Lets glibc's heap give back what a request used.
//!
//! Rust's standard library has no access to these settings, so this file calls glibc itself. Without
//! glibc, the functions do nothing.

#![expect(unsafe_code, reason = "glibc's functions are foreign; these two have no preconditions")]

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
