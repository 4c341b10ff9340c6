//! Every command that reads a file gets garbage: it ends soon, by itself, with an error that a person can read, and with bounded memory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tests::cli::{Said, colchis, say};

/// Address space of a command (KiB): what a bomb unpacks to is far more.
const MEMORY_KIB_MAX: u64 = 3 << 20;
/// A command may take no longer, on a busy machine and without optimisation.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

struct Garbage {
    folder: tempfile::TempDir,
}

impl Garbage {
    fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("colchis-it-").tempdir().unwrap() }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Files that are no manifests, or more than that.
    fn files(&self) -> Vec<PathBuf> {
        let alias = |n: u8| {
            format!("{0}: &{0} [{1}]\n", char::from(b'b' + n), vec![format!("*{}", char::from(b'a' + n)); 9].join(","))
        };
        let billion = format!("a: &a [x,x,x,x,x,x,x,x,x]\n{}", (0..12).map(alias).collect::<String>());
        let nested: String = (0..3_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        let noise: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let workflow = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n";
        let wide: Vec<u8> = workflow.encode_utf16().flat_map(u16::to_le_bytes).collect();
        vec![
            self.write("billion.yaml", billion),
            self.write("deep-flow.yaml", "[".repeat(100_000)),
            self.write("deep-block.yaml", nested),
            self.write("deep.json", "{\"a\":".repeat(100_000)),
            self.write("self.yaml", "a: &a\n  b: *a\n"),
            self.write("merge.yaml", "a: &a\n  <<: *a\n"),
            self.write("tag.yaml", "!!python/object/apply:os.system [\"id\"]\n"),
            self.write("nul.yaml", b"apiVersion: v1\x00\nkind: Workflow\n"),
            self.write("wide.yaml", wide),
            self.write("noise.yaml", noise),
            self.write("documents.yaml", "---\na: 1\n".repeat(20_000)),
            self.write("list.yaml", "- 1\n- 2\n"),
            self.write("scalar.yaml", "hello"),
            self.write("types.yaml", format!("{workflow}metadata: [1, 2]\nspec: {{entrypoint: {{a: 1}}, templates: yes}}\n")),
            self.write("numbers.yaml", format!("{workflow}metadata: {{name: x}}\nspec: {{parallelism: 99999999999999999999, priority: .inf, entrypoint: main}}\n")),
        ]
    }
}

/// A command with a home of its own and bounded memory.
fn bounded(home: &Path, args: &[&str]) -> Said {
    let plain = colchis();
    let mut command = Command::new("/bin/sh");
    command.env_clear().envs(plain.get_envs().filter_map(|(k, v)| Some((k, v?)))).current_dir(home);
    command.env("HOME", home).env("COLCHIS_DATA_DIR", home.join("data")).stdin(std::process::Stdio::null());
    command
        .args(["-c", &format!("ulimit -v {MEMORY_KIB_MAX}; exec \"$0\" \"$@\"")])
        .arg(plain.get_program())
        .args(args);
    let begun = Instant::now();
    let said = say(&mut command);
    assert!(begun.elapsed() < ANSWER_WITHIN, "{args:?} took {:?}", begun.elapsed());
    said
}

/// It said no, in words, without a panic, and without anything that a terminal would obey.
fn refused(said: &Said, what: &str) {
    let all = format!("{}{}", said.out, said.err);
    assert!(matches!(said.code, 1 | 2), "{what}: exit code {}\n{all}", said.code);
    assert!(!all.contains("panicked") && !all.contains("RUST_BACKTRACE"), "{what}: {all}");
    assert!(all.contains("error"), "{what}: {all}");
    assert!(all.chars().all(|c| !c.is_control() || c == '\n'), "{what}: {all:?}");
}

#[test]
fn hostile_files() {
    let garbage = Garbage::new();
    let home = garbage.folder.path();
    for file in garbage.files() {
        let path = file.to_str().unwrap();
        for command in [vec!["lint", path], vec!["run", path]] {
            let said = bounded(home, &command);
            let name = file.file_name().unwrap().to_str().unwrap();
            refused(&said, &format!("{command:?}"));
            assert!(format!("{}{}", said.out, said.err).contains(name), "names the file: {said:?}");
        }
    }
    for command in ["lint", "run"] {
        refused(&bounded(home, &[command, "/nowhere/at/all.yaml"]), command);
    }
}

#[test]
fn hostile_image_archives() {
    let garbage = Garbage::new();
    let home = garbage.folder.path();
    let zeros = garbage.write("zeros.tar", vec![0; 8 << 20]);
    let noise = garbage
        .write("noise.tar", (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>());
    let text = garbage.write("text.tar", "hello".repeat(1_000));
    // An archive whose manifest points out of it.
    let mut archive = tar::Builder::new(Vec::new());
    let manifest = br#"[{"Config": "../../../../etc/passwd", "RepoTags": ["x:1"], "Layers": ["/etc/shadow", "../x"]}]"#;
    let mut header = tar::Header::new_gnu();
    header.set_size(manifest.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "manifest.json", &manifest[..]).unwrap();
    let outside = garbage.write("outside.tar", archive.into_inner().unwrap());
    for file in [zeros, noise, text, outside, home.to_owned()] {
        let said = bounded(home, &["image", "import", file.to_str().unwrap()]);
        refused(&said, &format!("image import {}", file.display()));
    }
    let said = bounded(home, &["image", "list"]);
    assert!(said.code == 0 && !said.out.contains("x:1"), "{said:?}");
}

#[test]
fn hostile_configurations() {
    let garbage = Garbage::new();
    let home = garbage.folder.path();
    for (name, text) in [
        ("unknown.yaml", "listne: 127.0.0.1:0\n".to_owned()),
        ("types.yaml", "parallelism: [1]\nlisten: {a: b}\n".to_owned()),
        ("deep.yaml", "[".repeat(10_000)),
        ("policy.yaml", "auth.policy: {roles: 7, bindings: {a: 1}}\n".to_owned()),
        ("repository.yaml", "artifactRepository: {s3: {bucket: 5}, gcs: {}}\n".to_owned()),
        ("noise.yaml", "\u{1}\u{2}: \u{3}".to_owned()),
        ("large.yaml", format!("timezone: {}\n", "x".repeat(8 << 20))),
    ] {
        let file = garbage.write(name, text);
        for command in [vec!["config", "explain"], vec!["server"]] {
            let args: Vec<&str> =
                ["--config", file.to_str().unwrap()].into_iter().chain(command.iter().copied()).collect();
            refused(&bounded(home, &args), &format!("{args:?}"));
        }
    }
}
