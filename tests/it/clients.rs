//! The clients of `examples/clients`, in other languages, against a whole server.

use std::ffi::OsString;
use std::process::{Command, Output};

use tests::{Server, binary};

/// What each client needs, in the order in which one looks.
const LANGUAGES: &[(&str, &[&str])] = &[("python", &["python3"]), ("go", &["go", "protoc"])];

/// The programs' folders before the usual ones; nothing after saying what is missing.
fn path_for(language: &str, programs: &[&str]) -> Option<OsString> {
    let test = format!("the client in {language}");
    let found: Option<Vec<_>> = programs.iter().map(|name| testkit::tools::need(name, &test)).collect();
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let folders = found?.into_iter().filter_map(|program| program.parent().map(std::path::Path::to_path_buf));
    std::env::join_paths(folders.chain(std::env::split_paths(&usual))).ok()
}

fn run(server: &Server, language: &str, path: &OsString, token: &str, manifest: Option<&str>) -> Output {
    let script = binary::root().join("examples/clients").join(language).join("run.sh");
    let address = server.address().unwrap();
    Command::new(script)
        .args(manifest.map(|file| server.home().join(file)))
        .env("PATH", path)
        .env("COLCHIS_ADDRESS", address.trim_start_matches("http://"))
        .env("COLCHIS_TOKEN", token)
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_submits_waits_and_reads_logs() {
    let server = Server::start().await;
    let token = std::fs::read_to_string(server.data_dir().join("token")).unwrap();
    let hello = std::fs::read_to_string(binary::root().join("examples/clients/hello.json")).unwrap();
    std::fs::write(server.home().join("wrong.json"), hello.replace("entrypoint", "entrypiont")).unwrap();
    let mut ran = 0;
    for (language, programs) in LANGUAGES {
        let Some(path) = path_for(language, programs) else { continue };
        for (token, manifest, code, words) in [
            (token.trim(), None, 0, &["hello from a client", "Succeeded"][..]),
            (token.trim(), Some("wrong.json"), 1, &["spec.entrypiont", "[Invalid]"]),
            ("not-the-token", None, 1, &["[Unauthenticated]", "hint: "]),
        ] {
            let output = run(&server, language, &path, token, manifest);
            let text =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.status.code(), Some(code), "{language}: {text}");
            assert!(words.iter().all(|word| text.contains(word)), "{language} does not say {words:?}: {text}");
        }
        ran += 1;
    }
    let list = server.cli(&["wf", "list", "-o", "name"]).ok();
    assert_eq!(list.lines().count(), ran, "one run of each client: {list}");
}
