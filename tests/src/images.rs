//! A container image for tests: Debian's static busybox with all its applets, written as an archive that `colchis image import` and
//! `docker load` take.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use sha2::{Digest, Sha256};

/// Names under which the examples know it.
pub const NAMES: &[&str] = &["docker.io/library/busybox:latest", "docker.io/library/alpine:3"];

/// The one that is a component of WebAssembly.
pub const COMPONENT: &str = "program:1";

/// Writes the archive; says `false` when there is no busybox to make it of.
pub fn write(archive: &Path, names: &[&str]) -> bool {
    let Some(busybox) = testkit::tools::find("busybox") else { return false };
    let program = std::fs::read(&busybox).expect("busybox is read");
    let applets = Command::new(&busybox).arg("--list").output().expect("busybox runs");
    let layer = layer(&program, &String::from_utf8_lossy(&applets.stdout));
    let layer_digest = hex(&layer);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin:/usr/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer_digest}")]},
        "history": [{"created_by": "tests"}],
    })
    .to_string();
    let config_name = format!("{}.json", hex(config.as_bytes()));
    let layer_name = format!("{layer_digest}/layer.tar");
    let manifest = json!([{"Config": config_name, "RepoTags": names, "Layers": [layer_name]}]).to_string();
    let mut tar = tar::Builder::new(std::fs::File::create(archive).expect("the archive is created"));
    for (name, data) in
        [(&config_name, config.as_bytes()), (&layer_name, &layer), (&"manifest.json".to_owned(), manifest.as_bytes())]
    {
        append(&mut tar, name, data, 0o644);
    }
    tar.finish().expect("the archive is finished");
    true
}

fn layer(busybox: &[u8], applets: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for folder in ["bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr", "usr/bin", "var"] {
        let mut header = header();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(if folder == "tmp" { 0o1777 } else { 0o755 });
        header.set_size(0);
        tar.append_data(&mut header, folder, std::io::empty()).expect("a folder is added");
    }
    append(&mut tar, "bin/busybox", busybox, 0o755);
    append(&mut tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", 0o644);
    for applet in applets.lines().filter(|a| !a.is_empty() && *a != "busybox") {
        let mut header = header();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_mode(0o777);
        header.set_size(0);
        tar.append_link(&mut header, format!("bin/{applet}"), "busybox").expect("a link is added");
    }
    tar.into_inner().expect("the layer is finished")
}

fn append<W: Write>(tar: &mut tar::Builder<W>, name: &str, data: &[u8], mode: u32) {
    let mut header = header();
    header.set_size(data.len() as u64);
    header.set_mode(mode);
    tar.append_data(&mut header, name, data).expect("a file is added");
}

/// Of root, at the epoch: the same bytes every time.
fn header() -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn hex(data: &[u8]) -> String {
    Sha256::digest(data).iter().map(|b| format!("{b:02x}")).collect()
}
