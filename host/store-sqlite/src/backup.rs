//! Backups while the server works, and checks of a data directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use store::{Result, StoreError};

use crate::error::{corrupt, from_sql};
use crate::schema::{DATABASE_FILE, FORMAT, format};
use crate::seal::{KEY_FILE, Seal};
use crate::{Shared, SqliteStore};

/// Pages copied between two looks at whether others want the disk.
const PIECE_PAGES: i32 = 1024;
/// Faults listed by a check.
const FAULTS_MAX: u32 = 20;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The format of the database.
    pub format: i64,
    /// What is wrong; empty when nothing is.
    pub faults: Vec<String>,
    /// The newest revision.
    pub revision: u64,
    /// Objects that are there.
    pub objects: u64,
    /// Instances with a journal.
    pub instances: u64,
    /// Events that are kept.
    pub events: u64,
}

impl SqliteStore {
    /// Copies the database as it is at one moment into the directory `dest`, which becomes a data directory to start a server on. `with_key` copies the key
    /// of the secrets too: without it the copy's Secrets cannot be read, with it whoever has the copy can read them.
    pub async fn backup(&self, dest: &Path, with_key: bool) -> Result<CheckReport> {
        let (shared, dest) = (self.shared.clone(), dest.to_owned());
        let done = tokio::task::spawn_blocking(move || {
            copy(&Source::of(&shared), &dest, with_key)?;
            check_file(&dest.join(DATABASE_FILE), None)
        });
        done.await.map_err(|source| failed("the backup ended unexpectedly", source))?
    }
}

/// Copies the database of a data directory, also one that another process has open: as [`SqliteStore::backup`].
pub fn backup(dir: &Path, dest: &Path, with_key: bool) -> Result<CheckReport> {
    let path = dir.join(DATABASE_FILE);
    if !path.exists() {
        return Err(StoreError::NotFound { what: path.display().to_string() });
    }
    copy(&Source { dir, path: &path, vfs: None }, dest, with_key)?;
    check_file(&dest.join(DATABASE_FILE), None)
}

/// What is copied.
struct Source<'a> {
    dir: &'a Path,
    path: &'a Path,
    vfs: Option<&'a str>,
}

impl<'a> Source<'a> {
    fn of(shared: &'a Shared) -> Self {
        Self { dir: &shared.options.dir, path: &shared.path, vfs: shared.options.vfs.as_deref() }
    }
}

fn copy(from: &Source<'_>, dest: &Path, with_key: bool) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(dest).map_err(|e| failed("the backup's directory cannot be made", e))?;
    let target = dest.join(DATABASE_FILE);
    if target.exists() {
        return Err(StoreError::AlreadyExists { what: format!("{}; choose an empty directory", target.display()) });
    }
    // Complete or not there: the name is given last.
    let partial = dest.join(format!("{DATABASE_FILE}.partial"));
    let _ = std::fs::remove_file(&partial);
    let written = write_copy(from, &partial);
    if let Err(error) = written {
        let _ = std::fs::remove_file(&partial);
        return Err(error);
    }
    if with_key {
        let key = dest.join(KEY_FILE);
        std::fs::copy(from.dir.join(KEY_FILE), &key).map_err(|e| failed("the key cannot be copied", e))?;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&key, mode).map_err(|e| failed("the key's mode cannot be set", e))?;
        sync(&key)?;
    }
    std::fs::rename(&partial, &target).map_err(|e| failed("the backup cannot be given its name", e))?;
    sync(dest)
}

fn write_copy(from: &Source<'_>, partial: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(partial);
    made.map_err(|e| failed("the backup's file cannot be made", e))?;
    let role = crate::schema::Role::Reader;
    let source = crate::schema::connect(from.path, from.vfs, role).map_err(from_sql)?;
    // One snapshot for all pages: a backup that follows the writer would begin anew with each commit.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(from_sql)?;
    let mut target = Connection::open(partial).map_err(from_sql)?;
    let backup = Backup::new(&source, &mut target).map_err(from_sql)?;
    backup.run_to_completion(PIECE_PAGES, Duration::ZERO, None).map_err(from_sql)?;
    drop(backup);
    target.close().map_err(|(_, e)| from_sql(e))?;
    sync(partial)
}

fn sync(path: &Path) -> Result<()> {
    let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|e| failed("the backup cannot be made durable", e))
}

fn failed(reason: &str, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable { reason: reason.to_owned(), source: Some(Box::new(source)) }
}

/// Looks at every page of a data directory or a backup that no server uses: what a restore would find.
pub fn check(dir: &Path) -> Result<CheckReport> {
    let path = dir.join(DATABASE_FILE);
    if !path.exists() {
        return Err(StoreError::NotFound { what: path.display().to_string() });
    }
    let seal = dir.join(KEY_FILE).exists().then(|| Seal::load(dir, false)).transpose()?;
    check_file(&path, seal.as_ref())
}

fn check_file(path: &PathBuf, seal: Option<&Seal>) -> Result<CheckReport> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(from_sql)?;
    let format = format(&conn, path)?;
    if format == 0 || format > FORMAT {
        return Err(corrupt(path.display().to_string(), "it is empty"));
    }
    let mut faults = faults(&conn, false)?;
    let count = |sql: &str| -> Result<u64> {
        let n = conn.query_row(sql, [], |r| r.get::<_, Option<i64>>(0)).map_err(from_sql)?;
        Ok(n.unwrap_or(0).cast_unsigned())
    };
    if let (Some(seal), true) = (seal, faults.is_empty()) {
        faults.extend(sealed_faults(&conn, seal)?);
    }
    Ok(CheckReport {
        format,
        faults,
        revision: count("SELECT max(revision) FROM changes")?,
        objects: count("SELECT count(*) FROM objects WHERE deleted = 0")?,
        instances: count("SELECT count(*) FROM instances")?,
        events: count("SELECT count(*) FROM events")?,
    })
}

/// What SQLite finds wrong with the file; `quick` leaves out that indexes agree with their tables.
pub(crate) fn faults(conn: &Connection, quick: bool) -> Result<Vec<String>> {
    let pragma = if quick { "quick_check" } else { "integrity_check" };
    let mut statement = conn.prepare(&format!("PRAGMA {pragma}({FAULTS_MAX})")).map_err(from_sql)?;
    let found = statement.query_map([], |r| r.get::<_, String>(0)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    Ok(match found {
        Ok(lines) => lines.into_iter().filter(|line| line != "ok").collect(),
        Err(error) => vec![error.to_string()],
    })
}

/// Whether the key opens the secrets.
fn sealed_faults(conn: &Connection, seal: &Seal) -> Result<Vec<String>> {
    let kinds = crate::row::Kinds::load(conn)?;
    let mut faults = Vec::new();
    for kind in kinds.all().iter().filter(|k| k.sealed) {
        let selector = store::objects::Selector::of(kind.gvk.clone());
        let query = store::objects::ListQuery { selector, limit: Some(1), ..Default::default() };
        let one = std::slice::from_ref(kind);
        if let Err(error) = crate::read::list(conn, seal, one, &query, None, &store::Limits::default()) {
            faults.push(error.to_string());
        }
    }
    Ok(faults)
}
