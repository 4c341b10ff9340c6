//! A file layer under SQLite that fails on order, and forgets like a machine that loses its power.
//!
//! `unsafe`: the file layer is a C interface; the shapes are those of `sqlite3_vfs` and `sqlite3_io_methods`.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::ffi;

use crate::support::Random;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write is not done, with an error.
    WriteFails,
    /// A part of the write is done, with an error.
    WriteIsShort,
    /// The sync is answered with an error; what was written may or may not last.
    SyncFails,
    /// There is no room, from now on.
    DiskFull,
    /// No write is allowed, from now on.
    ReadOnly,
    /// The power goes during a write, after a part of it.
    PowerAtWrite,
    /// The power goes during a sync.
    PowerAtSync,
}

#[derive(Default)]
struct State {
    /// The fault and how many operations of its sort go well before it.
    armed: Option<(Fault, u64)>,
    struck: bool,
    struck_file: String,
    /// Lasting conditions.
    full: bool,
    read_only: bool,
    dead: bool,
    /// Writes since the last sync, by file.
    unsynced: HashMap<PathBuf, Vec<Unsynced>>,
    writes: u64,
    syncs: u64,
}

enum Unsynced {
    Write { offset: u64, old: Vec<u8>, new: Vec<u8>, old_len: u64 },
    Cut { to: u64, tail: Vec<u8> },
}

/// One file layer of this kind.
pub(crate) struct Faults {
    pub(crate) name: String,
    state: Arc<Mutex<State>>,
}

impl Faults {
    /// Registers a layer over the system's.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("faults-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let state = Arc::new(Mutex::new(State::default()));
        // SAFETY: the default layer always exists and lives as long as the process.
        let base = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        // SAFETY: plain data.
        let mut vfs = unsafe { *base };
        vfs.pNext = ptr::null_mut();
        vfs.zName = CString::new(name.as_str()).unwrap().into_raw();
        vfs.szOsFile += c_int::try_from(size_of::<FaultFile>()).unwrap();
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        let layer = Box::leak(Box::new(FaultVfs { vfs, base, state: state.clone() }));
        // A layer above calls our functions with a struct of its own, and with this.
        layer.vfs.pAppData = ptr::from_ref(layer).cast_mut().cast::<c_void>();
        // SAFETY: leaked, so it outlives every connection.
        assert_eq!(unsafe { ffi::sqlite3_vfs_register(&raw mut layer.vfs, 0) }, ffi::SQLITE_OK);
        Self { name, state }
    }

    /// Lets the fault come after `good` operations of its sort.
    pub(crate) fn arm(&self, fault: Fault, good: u64) {
        self.state.lock().unwrap().armed = Some((fault, good));
    }

    /// The file that the fault came to, if it came.
    pub(crate) fn struck(&self) -> Option<String> {
        let state = self.state.lock().unwrap();
        state.struck.then(|| state.struck_file.rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// There is room again, and writing is allowed.
    pub(crate) fn mend(&self) {
        let mut state = self.state.lock().unwrap();
        (state.full, state.read_only, state.armed) = (false, false, None);
    }

    /// The power goes now.
    pub(crate) fn die(&self) {
        self.state.lock().unwrap().dead = true;
    }

    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap();
        (state.writes, state.syncs)
    }

    /// After a loss of power: leaves on the disk what a disk may keep of writes that were not synced, any of them or parts.
    pub(crate) fn forget(&self, random: &mut Random) {
        let mut state = self.state.lock().unwrap();
        assert!(state.dead, "only a loss of power forgets");
        for (path, operations) in std::mem::take(&mut state.unsynced) {
            let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
            for operation in operations.iter().rev() {
                match operation {
                    Unsynced::Write { offset, old, new: _, old_len } => {
                        file.write_all_at(old, *offset).unwrap();
                        if file.metadata().unwrap().len() > *old_len {
                            file.set_len(*old_len).unwrap();
                        }
                    }
                    Unsynced::Cut { to, tail } => file.write_all_at(tail, *to).unwrap(),
                }
            }
            for operation in &operations {
                match operation {
                    Unsynced::Write { offset, new, .. } => {
                        for (i, sector) in new.chunks(512).enumerate() {
                            if random.draw(4) > 0 {
                                file.write_all_at(sector, offset + i as u64 * 512).unwrap();
                            }
                        }
                    }
                    Unsynced::Cut { to, .. } if random.draw(2) == 0 => file.set_len(*to).unwrap(),
                    Unsynced::Cut { .. } => {}
                }
            }
        }
    }
}

struct FaultVfs {
    vfs: ffi::sqlite3_vfs,
    base: *mut ffi::sqlite3_vfs,
    state: Arc<Mutex<State>>,
}

#[repr(C)]
struct FaultFile {
    file: ffi::sqlite3_file,
    inner: *mut ffi::sqlite3_file,
    side: *mut Side,
}

/// Beside each open file.
struct Side {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

macro_rules! below {
    ($file:expr, $method:ident $(, $arg:expr)*) => {{
        // SAFETY: the file was opened by `open`, whose inner file has its functions.
        unsafe {
            let inner = (*$file.cast::<FaultFile>()).inner;
            ((*(*inner).pMethods).$method.unwrap())(inner $(, $arg)*)
        }
    }};
}

fn side<'a>(file: *mut ffi::sqlite3_file) -> &'a Side {
    // SAFETY: set by `open`, freed by `close`.
    unsafe { &*(*file.cast::<FaultFile>()).side }
}

impl State {
    /// Whether the armed fault comes now.
    fn strikes(&mut self, faults: &[Fault]) -> Option<Fault> {
        let (fault, good) = self.armed.as_mut()?;
        if !faults.contains(fault) {
            return None;
        }
        if *good > 0 {
            *good -= 1;
            return None;
        }
        let fault = *fault;
        self.armed = None;
        self.struck = true;
        match fault {
            Fault::DiskFull => self.full = true,
            Fault::ReadOnly => self.read_only = true,
            Fault::PowerAtSync | Fault::PowerAtWrite => self.dead = true,
            _ => {}
        }
        Some(fault)
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    path: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: called with the registered layer, with memory of `szOsFile` bytes.
    unsafe {
        let layer = &*(*vfs).pAppData.cast::<FaultVfs>();
        let ours = file.cast::<FaultFile>();
        let inner = ours.add(1).cast::<ffi::sqlite3_file>();
        (*file).pMethods = ptr::null();
        if layer.state.lock().unwrap().dead {
            return ffi::SQLITE_CANTOPEN;
        }
        let opened = ((*layer.base).xOpen.unwrap())(layer.base, path, inner, flags, out);
        if opened != ffi::SQLITE_OK {
            return opened;
        }
        let path = if path.is_null() {
            String::new()
        } else {
            CStr::from_ptr(path.cast::<c_char>()).to_str().unwrap().to_owned()
        };
        (*ours).inner = inner;
        (*ours).side = Box::into_raw(Box::new(Side { path: path.into(), state: layer.state.clone() }));
        (*ours).file.pMethods = &raw const METHODS;
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, path: *const c_char, sync: c_int) -> c_int {
    // SAFETY: called with the registered layer.
    let layer = unsafe { &*(*vfs).pAppData.cast::<FaultVfs>() };
    if layer.state.lock().unwrap().dead {
        return ffi::SQLITE_IOERR_DELETE;
    }
    // SAFETY: SQLite's arguments, handed through.
    unsafe {
        let name = PathBuf::from(CStr::from_ptr(path).to_str().unwrap());
        layer.state.lock().unwrap().unsynced.remove(&name);
        ((*layer.base).xDelete.unwrap())(layer.base, path, sync)
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let closed = below!(file, xClose);
    // SAFETY: made by `open`; SQLite does not use the file again.
    drop(unsafe { Box::from_raw((*file.cast::<FaultFile>()).side) });
    closed
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, amount: c_int, offset: i64) -> c_int {
    if side(file).state.lock().unwrap().dead {
        return ffi::SQLITE_IOERR_READ;
    }
    below!(file, xRead, into, amount, offset)
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, amount: c_int, offset: i64) -> c_int {
    let side = side(file);
    let mut state = side.state.lock().unwrap();
    if state.dead {
        return ffi::SQLITE_IOERR_WRITE;
    }
    let all = [Fault::WriteFails, Fault::WriteIsShort, Fault::DiskFull, Fault::ReadOnly, Fault::PowerAtWrite];
    let fault = state.strikes(&all);
    if fault.is_some() {
        state.struck_file = side.path.display().to_string();
    }
    state.writes += 1;
    if state.full {
        return ffi::SQLITE_FULL;
    }
    if state.read_only {
        return ffi::SQLITE_IOERR_WRITE;
    }
    let part = match fault {
        None => amount,
        Some(Fault::WriteFails) => return ffi::SQLITE_IOERR_WRITE,
        Some(_) => amount / 2,
    };
    // SAFETY: SQLite gives `amount` readable bytes.
    let new = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(part).unwrap()) }.to_vec();
    let on_disk = std::fs::File::open(&side.path).unwrap();
    let (offset_u, old_len) = (u64::try_from(offset).unwrap(), on_disk.metadata().unwrap().len());
    let mut old = vec![0; new.len()];
    let mut had = 0;
    while had < old.len() {
        match on_disk.read_at(&mut old[had..], offset_u + had as u64).unwrap() {
            0 => break,
            n => had += n,
        }
    }
    old.truncate(had);
    state.unsynced.entry(side.path.clone()).or_default().push(Unsynced::Write { offset: offset_u, old, new, old_len });
    drop(state);
    let done = below!(file, xWrite, from, part, offset);
    if fault.is_some() { ffi::SQLITE_IOERR_WRITE } else { done }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let side = side(file);
    let mut state = side.state.lock().unwrap();
    if state.dead || state.read_only {
        return ffi::SQLITE_IOERR_TRUNCATE;
    }
    let to = u64::try_from(size).unwrap();
    let bytes = std::fs::read(&side.path).unwrap();
    let tail = bytes.get(usize::try_from(to).unwrap()..).unwrap_or_default().to_vec();
    state.unsynced.entry(side.path.clone()).or_default().push(Unsynced::Cut { to, tail });
    drop(state);
    below!(file, xTruncate, size)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    let side = side(file);
    let mut state = side.state.lock().unwrap();
    if state.dead {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    let fault = state.strikes(&[Fault::SyncFails, Fault::PowerAtSync]);
    if fault.is_some() {
        state.struck_file = side.path.display().to_string();
    }
    state.syncs += 1;
    if fault.is_some() {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    state.unsynced.remove(&side.path);
    drop(state);
    // The disk is the test's memory: what matters is what the layer says.
    let _ = flags;
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    below!(file, xFileSize, size)
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    below!(file, xLock, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    below!(file, xUnlock, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    below!(file, xCheckReservedLock, out)
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, op: c_int, arg: *mut c_void) -> c_int {
    below!(file, xFileControl, op, arg)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    below!(file, xSectorSize)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    below!(file, xDeviceCharacteristics)
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    below!(file, xShmMap, page, size, extend, out)
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, offset: c_int, n: c_int, flags: c_int) -> c_int {
    below!(file, xShmLock, offset, n, flags)
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    below!(file, xShmBarrier)
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    below!(file, xShmUnmap, delete)
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
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
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
