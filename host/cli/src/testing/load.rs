//! From the names on the command line to test files that can be run, or to all that is wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::yaml::{self, Limits};

use super::check;
use super::format::TestFile;
use super::suite::{SHAPE, Suite};
use crate::error::{CliError, CliResult};
use crate::input::{self, Source};
use crate::render::problems::{Problem, Weight};
use crate::support::check::unreadable;
use crate::support::documents::{self, Document, Unreadable};

/// What came of reading test files.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Those that can be run.
    pub suites: Vec<Suite>,
    /// What is wrong with the others.
    pub problems: Vec<Problem>,
    /// Every text that was read, for the lines of problems.
    pub sources: Vec<Source>,
}

/// Whether a file holds tests, by its name: `release.test.yaml`, `release_test.yaml`.
pub fn is_test_file(path: &Path) -> bool {
    manifest_of(path).is_some()
}

/// The manifest that a test file is named after.
fn manifest_of(path: &Path) -> Option<PathBuf> {
    let extension = path.extension().and_then(|e| e.to_str()).filter(|e| ["yaml", "yml", "json"].contains(e))?;
    let stem = path.file_stem()?.to_str()?;
    let name = stem.strip_suffix(".test").or_else(|| stem.strip_suffix("_test")).filter(|name| !name.is_empty())?;
    Some(path.with_file_name(format!("{name}.{extension}")))
}

/// The test files that names on the command line mean.
///
/// # Errors
/// Something is not there; a folder without test files.
pub fn find(names: &[String]) -> CliResult<Vec<PathBuf>> {
    let mut found = Vec::new();
    for name in names {
        let path = Path::new(name);
        if !path.is_dir() {
            found.push(path.to_owned());
            continue;
        }
        let mut below = Vec::new();
        input::manifests_below(path, 0, &mut below)?;
        below.retain(|path| is_test_file(path));
        if below.is_empty() {
            return Err(CliError::usage(format!("{name}: there is no test file below it"))
                .hint("the name of a test file ends in .test.yaml or _test.yaml")
                .hint("`colchis test --example` prints one to begin with"));
        }
        found.extend(below);
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    Ok(found)
}

/// Reads test files and everything they name.
///
/// # Errors
/// A test file itself cannot be read; everything else is a problem that is told with its place.
pub fn load(paths: &[PathBuf]) -> CliResult<Loaded> {
    let mut loaded = Loaded::default();
    for path in paths {
        let source = input::read_file(path)?;
        let mut reading = Reading { path, file: source.name.clone(), loaded: &mut loaded };
        if let Some(suite) = reading.read(&source) {
            reading.loaded.suites.push(suite);
        }
        loaded.sources.push(source);
    }
    Ok(loaded)
}

/// One test file in the making.
struct Reading<'a> {
    path: &'a Path,
    file: String,
    loaded: &'a mut Loaded,
}

impl Reading<'_> {
    fn read(&mut self, source: &Source) -> Option<Suite> {
        let document = Arc::new(self.document(source)?);
        let checked = SHAPE.check(document.json());
        if !checked.violations.is_empty() {
            for violation in &checked.violations {
                self.problem(&document, &violation.path, &violation.reason, violation.code, violation.hint.clone());
            }
            return None;
        }
        let file: TestFile = match serde_json::from_str(document.json()) {
            Ok(file) => file,
            Err(error) => {
                self.problem(&document, "", &format!("cannot be read: {error}"), "TF001", None);
                return None;
            }
        };
        let before = self.loaded.problems.len();
        let mut manifests = self.manifests(&document, &file);
        let name: Arc<str> = self.file.as_str().into();
        for (at, value) in file.objects.iter().enumerate() {
            manifests.push(Document::within(name.clone(), document.clone(), format!("objects[{at}]"), value));
        }
        if self.loaded.problems.len() > before {
            return None;
        }
        let judged = check::check(&self.file, self.path, &document, &file, &manifests);
        self.loaded.problems.extend(judged.problems);
        judged.suite
    }

    fn document(&mut self, source: &Source) -> Option<yaml::Document> {
        let read = yaml::read(&source.text, &Limits::DEFAULT);
        let mut documents = match read {
            Ok(documents) => documents,
            Err(error) => {
                let unread = Unreadable { source: self.file.as_str().into(), error };
                self.loaded.problems.push(unreadable(&unread));
                return None;
            }
        };
        match (documents.pop(), documents.is_empty()) {
            (Some(document), true) => Some(document),
            (last, _) => {
                let line = last.map_or(0, |document| document.start().line);
                let reason = "a test file is one document with `cases`";
                self.loaded.problems.push(problem(&self.file, line, 1, "", reason, "TF001", None));
                None
            }
        }
    }

    /// The manifests under test.
    fn manifests(&mut self, document: &yaml::Document, file: &TestFile) -> Vec<Document> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let mut paths = Vec::new();
        for (at, name) in file.files.iter().enumerate() {
            let path = folder.join(name.strip_prefix("./").unwrap_or(name));
            let place = format!("files[{at}]");
            let mut below = Vec::new();
            match path.is_dir().then(|| input::manifests_below(&path, 0, &mut below)) {
                None => below.push(path),
                Some(Ok(())) => {}
                Some(Err(error)) => self.unread(document, &place, &error),
            }
            paths.extend(below.into_iter().map(|path| (place.clone(), path)));
        }
        if file.files.is_empty() && file.objects.is_empty() {
            match manifest_of(self.path).filter(|path| path.is_file()) {
                Some(path) => paths.push(("files".to_owned(), path)),
                None => {
                    let hint = "write for instance files: [release.yaml]".to_owned();
                    self.problem(document, "files", "no manifests are named", "TF002", Some(hint));
                }
            }
        }
        paths.retain(|(_, path)| !is_test_file(path));
        let mut sources = Vec::new();
        for (place, path) in paths {
            match input::read_file(&path) {
                Ok(source) => sources.push(source),
                Err(error) => self.unread(document, &place, &error),
            }
        }
        let (documents, unread) = documents::parse_partial(&sources);
        self.loaded.problems.extend(unread.iter().map(unreadable));
        self.loaded.sources.extend(sources);
        // A folder may hold YAML that is something else.
        documents.into_iter().filter(|document| !document.kind().is_empty()).collect()
    }

    fn unread(&mut self, document: &yaml::Document, path: &str, error: &CliError) {
        let reasons: Vec<String> = error.error.iter().flat_map(|e| e.chain()).map(ToString::to_string).collect();
        self.problem(document, path, &reasons.join(": "), "TF002", None);
    }

    fn problem(&mut self, document: &yaml::Document, path: &str, reason: &str, code: &str, hint: Option<String>) {
        let place = document.nearest_position(path);
        self.loaded.problems.push(problem(&self.file, place.line, place.column, path, reason, code, hint));
    }
}

/// Something that is wrong with a test file.
pub(super) fn problem(
    file: &str,
    line: u32,
    column: u32,
    path: &str,
    reason: &str,
    code: &str,
    hint: Option<String>,
) -> Problem {
    Problem {
        file: file.to_owned(),
        line,
        column,
        object: String::new(),
        path: path.to_owned(),
        reason: reason.to_owned(),
        code: code.to_owned(),
        hint,
        weight: Weight::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_known_by_their_names() {
        for (name, manifest) in [
            ("a/release.test.yaml", Some("a/release.yaml")),
            ("release_test.yml", Some("release.yml")),
            ("release.yaml", None),
            ("test.yaml", None),
            (".test.yaml", None),
            ("release.test.md", None),
        ] {
            assert_eq!(manifest_of(Path::new(name)), manifest.map(PathBuf::from), "{name}");
        }
    }

    #[test]
    fn a_folder_without_test_files_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.yaml"), "kind: Workflow").unwrap();
        let error = find(&[dir.path().display().to_string()]).unwrap_err();
        assert!(error.hints[0].contains(".test.yaml"), "{error:?}");
        std::fs::write(dir.path().join("a.test.yaml"), "").unwrap();
        let name = dir.path().display().to_string();
        assert_eq!(find(&[name.clone(), name]).unwrap().len(), 1);
    }
}
