//! How the write-ahead log reaches the disk: fewer, larger writes and a cheaper sync.
//!
//! SQLite writes each page of a commit with two system calls and, as it is bundled, syncs with `fsync`, which also writes the inode. This layer lies
//! between SQLite and its own file layer (or another one by name) and concerns the log's file alone:
//!
//! - adjoining writes are gathered and written as one when the file is synced, read, measured or cut, or when [`GATHER_BYTES_MAX`] wait;
//! - on Linux the log is synced with `fdatasync`, but for the first sync after it was opened or cut, which is SQLite's own (it syncs the directory too).
//!
//! Nobody reads a page of the log before the sync of the commit it belongs to, except the connection that wrote it, whose reads write first. All other
//! files go straight through.
//!
//! `unsafe`: SQLite's file layer is a C interface. What is relied on stands beside each block.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::{Mutex, Once, PoisonError};

use rusqlite::ffi;

/// Bytes gathered at most. SQLite's own layer takes fewer than 128 KiB in one write: of the length it looks at the lower 17 bits only.
const GATHER_BYTES_MAX: usize = 1 << 16;

/// The layer over the system's file layer, or over another; registered once for each.
pub(crate) fn name_over(base: Option<&str>) -> Option<String> {
    static REGISTERED: Mutex<Option<HashMap<Option<String>, String>>> = Mutex::new(None);
    static CONFIGURE: Once = Once::new();
    // SAFETY: a plain setting that SQLite refuses harmlessly once it was initialised. Counting its memory costs a lock at each allocation.
    CONFIGURE.call_once(|| unsafe {
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0 as c_int);
    });
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    let registered = registered.get_or_insert_with(HashMap::new);
    let key = base.map(str::to_owned);
    if let Some(name) = registered.get(&key) {
        return Some(name.clone());
    }
    let name = format!("colchis-log{}", base.map(|b| format!("-{b}")).unwrap_or_default());
    register(base, &name)?;
    registered.insert(key, name.clone());
    Some(name)
}

fn register(base: Option<&str>, name: &str) -> Option<()> {
    let base_name = base.map(CString::new).transpose().ok()?;
    let name = CString::new(name).ok()?;
    // SAFETY: the argument is null or a C string that lives through the call.
    let base_vfs = unsafe { ffi::sqlite3_vfs_find(base_name.as_ref().map_or(ptr::null(), |n| n.as_ptr())) };
    if base_vfs.is_null() {
        return None;
    }
    // SAFETY: registered layers live as long as the process; the struct is plain data. Its other functions are called with our layer, whose `pAppData`
    // is theirs.
    let mut vfs = unsafe { *base_vfs };
    vfs.pNext = ptr::null_mut();
    vfs.zName = name.into_raw();
    vfs.szOsFile = vfs.szOsFile.checked_add(c_int::try_from(size_of::<LogFile>()).ok()?)?;
    vfs.xOpen = Some(open);
    let layer = Box::leak(Box::new(LogVfs { vfs, base: base_vfs, system: base.is_none() }));
    // SAFETY: the layer and its name were leaked, so they outlive every connection.
    let done = unsafe { ffi::sqlite3_vfs_register(&raw mut layer.vfs, 0) };
    (done == ffi::SQLITE_OK).then_some(())
}

#[repr(C)]
struct LogVfs {
    /// First, so that SQLite's pointer to it is one to the whole.
    vfs: ffi::sqlite3_vfs,
    base: *mut ffi::sqlite3_vfs,
    system: bool,
}

/// What SQLite gives memory for; the layer below has its own part behind it.
#[repr(C)]
struct LogFile {
    /// First, as SQLite knows it.
    file: ffi::sqlite3_file,
    inner: *mut ffi::sqlite3_file,
    state: *mut Gathered,
}

#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    start: i64,
    /// Another descriptor of the same file, for `fdatasync`. The log is never locked, so closing it lets no lock go.
    sync: Option<File>,
    /// The layer below has synced it since it was opened or cut.
    plain_sync_done: bool,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Calls a function of the layer below; `$missing` when it has none.
macro_rules! below {
    ($inner:expr, $method:ident, $missing:expr $(, $arg:expr)*) => {{
        let inner = $inner;
        // SAFETY: `inner` was opened by the layer below, which set its functions.
        match unsafe { (*inner).pMethods.as_ref() }.and_then(|m| m.$method) {
            // SAFETY: the arguments are SQLite's own, handed through.
            Some(f) => unsafe { f(inner $(, $arg)*) },
            None => $missing,
        }
    }};
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    path: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls this with the layer that was registered, which is the first field of a `LogVfs`.
    let layer = unsafe { &*vfs.cast::<LogVfs>() };
    // SAFETY: as above; the base lives as long as the process.
    let Some(base_open) = (unsafe { (*layer.base).xOpen }) else { return ffi::SQLITE_CANTOPEN };
    if flags & ffi::SQLITE_OPEN_WAL == 0 {
        // SAFETY: the memory is larger than the layer below asks for, all else is SQLite's own.
        return unsafe { base_open(layer.base, path, file, flags, out) };
    }
    let ours = file.cast::<LogFile>();
    // SAFETY: `szOsFile` is the size of a `LogFile` and of what the layer below needs; SQLite's memory is aligned to 8, and so is what stands behind
    // three pointers.
    let inner = unsafe { ours.add(1) }.cast::<ffi::sqlite3_file>();
    // SAFETY: as above.
    let opened = unsafe {
        (*inner).pMethods = ptr::null();
        base_open(layer.base, path, inner, flags, out)
    };
    if opened != ffi::SQLITE_OK {
        // SAFETY: a layer that failed may still want to be closed, and says so by its functions.
        if unsafe { !(*inner).pMethods.is_null() } {
            below!(inner, xClose, ffi::SQLITE_OK);
        }
        // SAFETY: SQLite's memory; without functions it is not closed.
        unsafe { (*file).pMethods = ptr::null() };
        return opened;
    }
    let sync = (cfg!(target_os = "linux") && layer.system && !path.is_null()).then(|| {
        // SAFETY: the name is a C string for as long as the file is open.
        let path = unsafe { CStr::from_ptr(path.cast::<c_char>()) };
        File::open(OsStr::from_bytes(path.to_bytes())).ok()
    });
    let state = Box::new(Gathered { sync: sync.flatten(), ..Gathered::default() });
    // SAFETY: the memory is ours; the state is freed by `close`.
    unsafe {
        (*ours).inner = inner;
        (*ours).state = Box::into_raw(state);
        (*ours).file.pMethods = &raw const METHODS;
    }
    ffi::SQLITE_OK
}

/// The parts of an open file.
///
/// # Safety
/// `file` was opened by [`open`] as a log and not closed; SQLite uses a file from one thread at a time.
unsafe fn parts<'a>(file: *mut ffi::sqlite3_file) -> (*mut ffi::sqlite3_file, &'a mut Gathered) {
    let ours = file.cast::<LogFile>();
    // SAFETY: the caller's promise.
    unsafe { ((*ours).inner, &mut *(*ours).state) }
}

/// Writes what was gathered.
fn flush(inner: *mut ffi::sqlite3_file, state: &mut Gathered) -> c_int {
    if state.bytes.is_empty() {
        return ffi::SQLITE_OK;
    }
    let amount = c_int::try_from(state.bytes.len()).unwrap_or(c_int::MAX);
    let bytes = state.bytes.as_ptr().cast::<c_void>();
    let done = below!(inner, xWrite, ffi::SQLITE_IOERR_WRITE, bytes, amount, state.start);
    // After a failed write the commit fails, and what it wrote is written anew by a later one.
    state.bytes.clear();
    done
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, amount: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite's file.
    let (inner, state) = unsafe { parts(file) };
    let Ok(length) = usize::try_from(amount) else { return ffi::SQLITE_IOERR_WRITE };
    let adjoins = state.start.checked_add_unsigned(state.bytes.len() as u64) == Some(offset);
    if !adjoins || state.bytes.len() + length > GATHER_BYTES_MAX {
        let done = flush(inner, state);
        if done != ffi::SQLITE_OK {
            return done;
        }
    }
    if state.bytes.is_empty() {
        state.start = offset;
    }
    // SAFETY: SQLite gives `amount` readable bytes.
    state.bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(from.cast::<u8>(), length) });
    ffi::SQLITE_OK
}

/// Flushes, then calls the layer below.
macro_rules! flushed {
    ($file:expr, $method:ident, $missing:expr $(, $arg:expr)*) => {{
        // SAFETY: SQLite's file.
        let (inner, state) = unsafe { parts($file) };
        match flush(inner, state) {
            ffi::SQLITE_OK => below!(inner, $method, $missing $(, $arg)*),
            failed => failed,
        }
    }};
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, amount: c_int, offset: i64) -> c_int {
    flushed!(file, xRead, ffi::SQLITE_IOERR_READ, into, amount, offset)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite's file.
    unsafe { parts(file) }.1.plain_sync_done = false;
    flushed!(file, xTruncate, ffi::SQLITE_IOERR_TRUNCATE, size)
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    flushed!(file, xFileSize, ffi::SQLITE_IOERR_FSTAT, size)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite's file.
    let (inner, state) = unsafe { parts(file) };
    let done = flush(inner, state);
    if done != ffi::SQLITE_OK {
        return done;
    }
    match &state.sync {
        Some(file) if state.plain_sync_done => match file.sync_data() {
            Ok(()) => ffi::SQLITE_OK,
            Err(_) => ffi::SQLITE_IOERR_FSYNC,
        },
        _ => {
            let done = below!(inner, xSync, ffi::SQLITE_IOERR_FSYNC, flags);
            state.plain_sync_done = done == ffi::SQLITE_OK;
            done
        }
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite's file.
    let (inner, state) = unsafe { parts(file) };
    let flushed = flush(inner, state);
    let closed = below!(inner, xClose, ffi::SQLITE_OK);
    // SAFETY: made by `open`, and SQLite does not use the file again.
    drop(unsafe { Box::from_raw((*file.cast::<LogFile>()).state) });
    if flushed == ffi::SQLITE_OK { closed } else { flushed }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite's file.
    below!(unsafe { parts(file) }.0, xLock, ffi::SQLITE_OK, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite's file.
    below!(unsafe { parts(file) }.0, xUnlock, ffi::SQLITE_OK, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite's file.
    below!(unsafe { parts(file) }.0, xCheckReservedLock, ffi::SQLITE_OK, out)
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, op: c_int, arg: *mut c_void) -> c_int {
    // SAFETY: SQLite's file.
    below!(unsafe { parts(file) }.0, xFileControl, ffi::SQLITE_NOTFOUND, op, arg)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite's file.
    below!(unsafe { parts(file) }.0, xSectorSize, 4096)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite's file.
    below!(unsafe { parts(file) }.0, xDeviceCharacteristics, 0)
}
