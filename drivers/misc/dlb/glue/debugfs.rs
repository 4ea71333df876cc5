// SPDX-License-Identifier: GPL-2.0

//! Files in debugfs that are read as text.
//!
//! [`kernel::debugfs`] does not keep the module in memory while a file is open.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)

use kernel::{
    bindings,
    error::from_result,
    prelude::*,
    seq_file::SeqFile,
    str::CString, //
};

use super::vec;

extern "C" {
    // The functions of `helpers.c`, which also exist where the kernel has no debugfs.
    #![allow(improper_ctypes)] // Pointers to C structures, of which C alone looks at the contents.
    fn dlb_debugfs_dir(name: *const c_char, parent: *mut bindings::dentry)
        -> *mut bindings::dentry;
    fn dlb_debugfs_file(name: *const c_char, parent: *mut bindings::dentry, text: *mut c_void);
    fn dlb_debugfs_remove(dir: *mut bindings::dentry);
}

/// Something that can be read.
pub(crate) trait Show: Send + Sync + 'static {
    /// Writes it.
    fn show(&self, out: &SeqFile) -> Result;
}

/// What a file shows; `struct dlb_text` of `helpers.h` is how C sees it.
#[repr(C)]
struct Text<T> {
    show: unsafe extern "C" fn(*mut bindings::seq_file, *const Text<T>) -> c_int,
    what: T,
}

impl<T: Show> Text<T> {
    /// # Safety
    ///
    /// `seq` must be valid and used by nobody else for the duration of the call, and so must
    /// `text`, which others may read.
    unsafe extern "C" fn show(seq: *mut bindings::seq_file, text: *const Self) -> c_int {
        // SAFETY: By the requirements of this function.
        let (out, text) = unsafe { (SeqFile::from_raw(seq), &*text) };
        from_result(|| text.what.show(out).map(|()| 0))
    }
}

/// A directory. Dropping it removes it, and waits for those who read.
///
/// # Invariants
///
/// `dir` came from `dlb_debugfs_dir`.
pub(crate) struct Dir<T: Show> {
    dir: *mut bindings::dentry,
    // Boxed because the files have their addresses.
    texts: KVec<KBox<Text<T>>>,
}

// SAFETY: The functions of debugfs can be called from any thread, and `T` is `Send`.
unsafe impl<T: Show> Send for Dir<T> {}
// SAFETY: A shared reference gives nothing but what `T` gives, which is `Sync`.
unsafe impl<T: Show> Sync for Dir<T> {}

impl<T: Show> Dir<T> {
    /// Makes a directory at the top. That it could not be made is no error, and not told.
    pub(crate) fn new(name: &CString) -> Self {
        Self {
            // INVARIANT: As the field wants it.
            //
            // SAFETY: The name is a string; no parent means the top.
            dir: unsafe { dlb_debugfs_dir(name.as_char_ptr(), core::ptr::null_mut()) },
            texts: KVec::new(),
        }
    }

    /// Makes a directory in it, with files that can be read by root.
    pub(crate) fn add<const N: usize>(&mut self, name: &CString, files: [(&CStr, T); N]) -> Result {
        // SAFETY: The name is a string; an error as parent is passed on.
        let dir = unsafe { dlb_debugfs_dir(name.as_char_ptr(), self.dir) };
        for (name, what) in files {
            let mut text = KBox::new(
                Text {
                    show: Text::show,
                    what,
                },
                GFP_KERNEL,
            )?;
            let raw: *mut Text<T> = &mut *text;
            vec::push(&mut self.texts, text)?;
            // SAFETY: The name is a string. The text is boxed, so it stays where it is, and goes
            // after the files were removed, which waits for their readers.
            unsafe { dlb_debugfs_file(name.as_char_ptr(), dir, raw.cast()) };
        }
        Ok(())
    }
}

impl<T: Show> Drop for Dir<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. With it goes all that is in it.
        unsafe { dlb_debugfs_remove(self.dir) };
    }
}
