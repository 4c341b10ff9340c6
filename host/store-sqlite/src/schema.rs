//! Connections, the tables, and their versions.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use store::{Result, StoreError};

use crate::error::{corrupt, from_sql};

/// The database's file in the data directory.
pub(crate) const DATABASE_FILE: &str = "colchis.db";
/// What this version writes. A later one adds a step to [`MIGRATIONS`] and a golden file.
pub(crate) const FORMAT: i64 = 1;
/// Older versions can corrupt a write-ahead log.
const SQLITE_MIN: i32 = 3_051_003;
/// `COLC`, in the file's header: other SQLite files are refused.
const APPLICATION_ID: i64 = 0x434f_4c43;

/// From an empty file, step by step: the step at `i` makes format `i + 1`.
const MIGRATIONS: [&str; FORMAT as usize] = [include_str!("schema_1.sql")];

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
    Checkpointer,
}

/// Opens the database's file, which exists.
pub(crate) fn connect(path: &Path, vfs: Option<&str>, role: Role) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let conn = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
        None => Connection::open_with_flags(path, flags)?,
    };
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    // FULL: an fsync of the log with every commit. The log is copied by a thread of its own.
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA wal_autocheckpoint = 0;
         PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = OFF;",
    )?;
    match role {
        // Every commit that splits a page walks the whole cache once: small on purpose, the system's page cache is behind it.
        Role::Writer => conn.execute_batch("PRAGMA cache_size = 2000;")?,
        Role::Reader => conn.execute_batch("PRAGMA cache_size = -8192; PRAGMA query_only = ON;")?,
        Role::Checkpointer => {
            conn.execute_batch("PRAGMA cache_size = -256;")?;
            // It holds the write lock while it empties the log: it must not wait for slow readers then.
            conn.busy_timeout(std::time::Duration::ZERO)?;
        }
    }
    conn.set_prepared_statement_cache_capacity(128);
    Ok(conn)
}

/// Refuses a SQLite that is too old, makes the file if there is none, and brings its format up to date. Answers the format that it was found in.
pub(crate) fn prepare(path: &Path, vfs: Option<&str>, now_ms: i64) -> Result<i64> {
    let sqlite = rusqlite::version_number();
    if sqlite < SQLITE_MIN {
        return Err(StoreError::Unavailable {
            reason: format!(
                "SQLite {} can corrupt a write-ahead log, at least 3.51.3 is needed; build with the bundled one",
                rusqlite::version()
            ),
            source: None,
        });
    }
    make_file(path)?;
    check_length(path)?;
    let mut conn = connect(path, vfs, Role::Writer).map_err(from_sql)?;
    let found = format(&conn, path)?;
    if found < FORMAT {
        migrate(&mut conn, found, now_ms).map_err(from_sql)?;
    }
    Ok(found)
}

/// The format of an open database; 0 is an empty file.
pub(crate) fn format(conn: &Connection, path: &Path) -> Result<i64> {
    let what = || path.display().to_string();
    let application: i64 = conn.query_row("PRAGMA application_id", [], |r| r.get(0)).map_err(from_sql)?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).map_err(from_sql)?;
    if application == 0 && tables == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(StoreError::Invalid {
            what: what(),
            reason: "it is a SQLite file, but not a database of this server; choose another data directory".to_owned(),
        });
    }
    let found: Option<i64> =
        conn.query_row("SELECT max(version) FROM format", [], |r| r.get(0)).optional().map_err(from_sql)?.flatten();
    let found = found.ok_or_else(|| corrupt(what(), "it does not say its format"))?;
    if found > FORMAT {
        return Err(StoreError::Invalid {
            what: what(),
            reason: format!(
                "it was written by a later version (format {found}, this one reads up to {FORMAT}); start that version, \
                 or restore a backup from before the upgrade"
            ),
        });
    }
    Ok(found)
}

fn migrate(conn: &mut Connection, found: i64, now_ms: i64) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (step, version) in MIGRATIONS.iter().zip(1_i64..).skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(step)?;
        tx.execute(
            "INSERT INTO format(version, since_ms, written_by) VALUES (?1, ?2, ?3)",
            (version, now_ms, env!("CARGO_PKG_VERSION")),
        )?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.commit()
}

/// SQLite would make it readable for all.
fn make_file(path: &Path) -> Result<()> {
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    match open {
        Ok(_) => Ok(()),
        // A file on a disk that is read-only can still be read.
        Err(_) if path.exists() => Ok(()),
        Err(source) => Err(StoreError::Unavailable {
            reason: format!("{} cannot be made; look at the directory's permissions", path.display()),
            source: Some(Box::new(source)),
        }),
    }
}

/// Compares the header with the file: what was cut off is noticed before it is missed.
fn check_length(path: &Path) -> Result<()> {
    use std::io::Read;
    let what = || path.display().to_string();
    let Ok(mut file) = std::fs::File::open(path) else { return Ok(()) };
    let length = file.metadata().map_or(0, |m| m.len());
    if length == 0 {
        return Ok(());
    }
    let mut header = [0_u8; 100];
    let magic = b"SQLite format 3\0";
    if file.read_exact(&mut header).is_err() || !header.starts_with(magic) {
        return Err(corrupt(
            what(),
            "it is not a SQLite database; restore the last backup, or choose another directory",
        ));
    }
    let [.., a, b] = header.first_chunk::<18>().copied().unwrap_or_default();
    let page = match u64::from(u16::from_be_bytes([a, b])) {
        1 => 65_536,
        bytes => bytes,
    };
    let [.., p, q, r, s] = header.first_chunk::<32>().copied().unwrap_or_default();
    let pages = u64::from(u32::from_be_bytes([p, q, r, s]));
    // A log beside it may hold the missing pages.
    let log = path.with_extension("db-wal").metadata().map_or(0, |m| m.len());
    if length < pages * page && log == 0 {
        return Err(corrupt(
            what(),
            format!(
                "its header speaks of {pages} pages of {page} bytes, the file has {length} bytes; restore the last backup"
            ),
        ));
    }
    Ok(())
}
