//! What every `Cargo.toml` of the workspace says.

use std::path::Path;

use crate::shell;

/// Looks at every crate's manifest.
pub(super) fn check(problems: &mut Vec<String>) {
    let mut manifests = shell::files(&shell::root().join("host"), "Cargo.toml");
    manifests.push(shell::root().join("tests").join("Cargo.toml"));
    for file in manifests {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        manifest(&file, &text, problems);
    }
}

fn manifest(file: &Path, text: &str, problems: &mut Vec<String>) {
    let shown = shell::relative(file);
    let mut section = "";
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
            continue;
        }
        let names_dependency = section.ends_with("dependencies]") && line.contains('=') && !line.starts_with('#');
        if names_dependency && !line.contains("workspace = true") {
            problems.push(format!(
                "{shown}:{}: `{line}`: versions stand in the workspace's manifest; write `.workspace = true`",
                index + 1
            ));
        }
    }
    let folder = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    if !text.contains(&format!("name = \"{folder}\"")) {
        problems.push(format!("{shown}: the crate's name is not its folder's, `{folder}`"));
    }
    if !text.contains("[lints]\nworkspace = true") {
        problems.push(format!("{shown}: does not take the workspace's lints"));
    }
    let has_library = file.parent().is_some_and(|dir| dir.join("src/lib.rs").is_file());
    if has_library && !text.contains("doctest = false") {
        problems
            .push(format!("{shown}: `doctest = false` is missing: each documentation test links a binary of its own"));
    }
}
