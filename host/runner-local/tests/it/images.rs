//! Images made by hand, imported and pulled from a real registry.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use runner::{EndPhase, Unit};
use runner_local::{ImagesMode, Settings};
use serde_json::{Value, json};
use sha2::Digest;

use crate::kit::{Kit, dir, namespaces, settings, unit};

fn digest(bytes: &[u8]) -> String {
    let hex: String = sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// A layer: folders end in `/`, links are `name -> target`, all else is a file with its text.
fn layer(entries: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content, mode) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_mtime(1_000_000_000);
        header.set_size(0);
        if let Some((name, target)) = name.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, name, target).unwrap();
        } else if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            builder.append_data(&mut header, name, std::io::empty()).unwrap();
        } else {
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

struct Image {
    config: Vec<u8>,
    layers: Vec<Vec<u8>>,
}

/// Busybox below, a layer that changes and hides above.
fn image(settings: Value) -> Image {
    let busybox = std::fs::read(testkit::tools::find("busybox").unwrap()).unwrap();
    let mut below: Vec<(&str, &[u8], u32)> = vec![
        ("bin/", b"", 0o755),
        ("bin/busybox", &busybox, 0o755),
        ("etc/", b"", 0o755),
        ("etc/passwd", b"root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n", 0o644),
        ("etc/below", b"below\n", 0o644),
        ("etc/hidden", b"hidden\n", 0o644),
        ("opt/old/", b"", 0o755),
        ("opt/old/f", b"old\n", 0o644),
        ("srv/", b"", 0o777),
    ];
    let links: Vec<String> = ["sh", "cat", "ls", "echo", "id", "env", "pwd", "sleep", "head", "wc", "hostname", "test"]
        .iter()
        .map(|c| format!("bin/{c} -> busybox"))
        .collect();
    below.extend(links.iter().map(|l| (l.as_str(), &b""[..], 0o777)));
    let above = layer(&[
        ("etc/above", b"above\n", 0o644),
        ("etc/.wh.hidden", b"", 0o644),
        ("opt/", b"", 0o755),
        ("opt/.wh..wh..opq", b"", 0o644),
        ("opt/new", b"new\n", 0o644),
    ]);
    let layers = vec![layer(&below), above];
    let ids: Vec<String> = layers.iter().map(|l| digest(l)).collect();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({"architecture": architecture, "os": "linux", "config": settings, "rootfs": {"type": "layers", "diff_ids": ids}});
    Image { config: serde_json::to_vec(&config).unwrap(), layers }
}

/// As `docker save` writes it.
fn saved(image: &Image, tag: &str, at: &Path) {
    let mut builder = tar::Builder::new(std::fs::File::create(at).unwrap());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    let names: Vec<String> = (0..image.layers.len()).map(|i| format!("{i}/layer.tar")).collect();
    for (name, layer) in names.iter().zip(&image.layers) {
        add(name, layer);
    }
    add("config.json", &image.config);
    add(
        "manifest.json",
        &serde_json::to_vec(&json!([{"Config": "config.json", "RepoTags": [tag], "Layers": names}])).unwrap(),
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

/// Blobs and manifest as a registry or an OCI layout has them.
fn blobs(image: &Image) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let layers: Vec<Vec<u8>> = image.layers.iter().map(|l| gzip(l)).collect();
    let descriptor =
        |bytes: &[u8], kind: &str| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor(&image.config, "application/vnd.oci.image.config.v1+json"),
        "layers": layers.iter().map(|l| descriptor(l, "application/vnd.oci.image.layer.v1.tar+gzip")).collect::<Vec<_>>()});
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let mut all: Vec<(String, Vec<u8>)> = layers.into_iter().map(|l| (digest(&l), l)).collect();
    all.push((digest(&image.config), image.config.clone()));
    (all, manifest)
}

async fn kit(mode: ImagesMode) -> Kit {
    Kit::with(Settings { images: mode, ..settings() }, dir()).await
}

fn container(key: &str, container: Value) -> Unit {
    unit(key, json!({"name": "t", "container": container}))
}

macro_rules! busybox {
    () => {
        namespaces!();
        if testkit::tools::need("busybox", concat!(module_path!(), ":", line!())).is_none() {
            return;
        }
    };
}

#[tokio::test]
async fn an_imported_image_runs_as_its_configuration_says() {
    busybox!();
    let mut kit = kit(ImagesMode::Imported).await;
    let settings = json!({"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["id -u; pwd; echo $FROM_IMAGE $HOME"], "Env": ["FROM_IMAGE=yes", "PATH=/bin"],
        "WorkingDir": "/srv", "User": "web"});
    let tar = kit.dir.path().join("image.tar");
    saved(&image(settings), "demo:1", &tar);
    let imported = kit.runner.images().import(&tar, None).await.unwrap();
    assert_eq!(imported[0].reference, "docker.io/library/demo:1");
    let key = kit.start(container("u/1", json!({"image": "demo:1"}))).await;
    let (message, _) = kit.started(&key).await;
    assert!(message.contains("demo:1") && message.contains(&imported[0].digest), "{message}");
    assert_eq!(kit.ended(&key).await.result.as_deref(), Some("33\n/srv\nyes /srv"));
    // args replace the command of the image, command replaces both.
    let args = json!({"image": "demo:1", "args": ["echo args"]});
    assert_eq!(kit.run(container("u/2", args)).await.result.as_deref(), Some("args"));
    let look = "ls /etc /opt; cat /etc/below /etc/above /opt/new; ls -d /home /usr 2>/dev/null; cat /etc/hosts | head -n 1 | wc -l; echo x > /etc/below";
    let command = json!({"image": "demo:1", "command": ["/bin/sh", "-c", look], "securityContext": {"runAsUser": 0}});
    let result = kit.run(container("u/3", command)).await;
    assert_eq!(
        result.result.unwrap(),
        "/etc:\nabove\nbelow\nhostname\nhosts\npasswd\nresolv.conf\n\n/opt:\nnew\nbelow\nabove\nnew\n1",
        "{}",
        result.message
    );
    let again = json!({"image": "demo:1", "command": ["cat", "/etc/below"]});
    assert_eq!(kit.run(container("u/4", again)).await.result.as_deref(), Some("below"), "a layer is never written to");
    let absent = kit.run(container("u/5", json!({"image": "other:1", "command": ["true"]}))).await;
    assert!(absent.phase == EndPhase::Error && absent.message.contains("colchis image import"), "{absent:?}");
    // The store's own commands.
    let images = kit.runner.images();
    assert_eq!(images.list().unwrap().len(), 1);
    assert!(images.inspect("demo:1").unwrap().is_some() && images.inspect("demo:2").unwrap().is_none());
    assert_eq!(images.prune(&[]).unwrap(), 0);
    assert!(images.remove("demo:1").unwrap() && !images.remove("demo:1").unwrap());
    assert!(images.prune(&[]).unwrap() > 100_000);
    assert!(kit.run(container("u/6", json!({"image": "demo:1"}))).await.message.contains("not in the image store"));
}

#[tokio::test]
async fn oci_layouts_and_damaged_archives() {
    busybox!();
    let kit = kit(ImagesMode::Imported).await;
    let (all, manifest) = blobs(&image(json!({"Cmd": ["/bin/echo", "oci"]})));
    let write = |name: &str, change: &dyn Fn(&str, &mut Vec<u8>)| -> PathBuf {
        let at = kit.dir.path().join(name);
        let mut builder = tar::Builder::new(Vec::new());
        let index = json!({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest(&manifest), "size": manifest.len(), "annotations": {"org.opencontainers.image.ref.name": "oci:1"}}]});
        let mut files = vec![("index.json".to_owned(), serde_json::to_vec(&index).unwrap())];
        files.push((format!("blobs/{}", digest(&manifest).replace(':', "/")), manifest.clone()));
        files.extend(all.iter().map(|(d, b)| (format!("blobs/{}", d.replace(':', "/")), b.clone())));
        for (name, mut bytes) in files {
            change(&name, &mut bytes);
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
        }
        std::fs::write(&at, gzip(&builder.into_inner().unwrap())).unwrap();
        at
    };
    let images = kit.runner.images();
    assert!(
        images
            .import(
                &write("damaged", &|name, bytes| {
                    if name.ends_with(&digest(&all[1].1).replace("sha256:", "")) {
                        *bytes = gzip(&layer(&[("evil", b"evil", 0o644)]));
                    }
                }),
                None
            )
            .await
            .unwrap_err()
            .to_string()
            .contains("digest")
    );
    assert!(images.list().unwrap().is_empty(), "a damaged image leaves nothing behind");
    let good = images.import(&write("good", &|_, _| ()), Some("named/by:me")).await.unwrap();
    assert_eq!(good[0].reference, "docker.io/named/by:me");
    // A second image beside it: of this machine's kind, and of another.
    let two = |platform: Value| {
        write("two", &move |name, bytes| {
            if name == "index.json" {
                let mut index: Value = serde_json::from_slice(bytes).unwrap();
                let mut second = index["manifests"][0].clone();
                second["platform"] = platform.clone();
                index["manifests"].as_array_mut().unwrap().push(second);
                *bytes = serde_json::to_vec(&index).unwrap();
            }
        })
    };
    let error = images.import(&two(Value::Null), Some("one:1")).await.unwrap_err().to_string();
    assert!(error.contains("2 images") && error.contains("one:1"), "{error}");
    let other = two(json!({"os": "linux", "architecture": "s390x"}));
    assert_eq!(images.import(&other, Some("one:1")).await.unwrap().len(), 1);
    std::fs::write(kit.dir.path().join("junk"), b"junk").unwrap();
    assert!(images.import(&kit.dir.path().join("junk"), None).await.is_err());
}

/// A registry of its own for a test.
struct Registry {
    child: Child,
    address: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn registry(folder: &Path, password: Option<(&str, &str)>) -> Option<Registry> {
    let program = testkit::tools::need("docker-registry", "images")?;
    let address = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().to_string()
    };
    let mut config = format!(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
        folder.join("registry").display()
    );
    if let Some((_, hash)) = password {
        std::fs::write(folder.join("htpasswd"), hash).unwrap();
        config.push_str(&format!(
            "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
            folder.join("htpasswd").display()
        ));
    }
    std::fs::write(folder.join("registry.yml"), config).unwrap();
    let child = Command::new(program)
        .arg("serve")
        .arg(folder.join("registry.yml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let found = Registry { child, address };
    crate::kit::until("the registry listens", || std::net::TcpStream::connect(&found.address).is_ok()).await;
    Some(found)
}

/// Writes an image straight into the registry's storage: what a push leaves there.
fn push(folder: &Path, name: &str, tag: &str, image: &Image) -> String {
    let root = folder.join("registry/docker/registry/v2");
    let (mut all, manifest) = blobs(image);
    let top = digest(&manifest);
    all.push((top.clone(), manifest));
    let put = |path: PathBuf, bytes: &[u8]| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let repository = root.join("repositories").join(name);
    for (digest, bytes) in &all {
        let hex = digest.strip_prefix("sha256:").unwrap();
        put(root.join("blobs/sha256").join(&hex[..2]).join(hex).join("data"), bytes);
        put(repository.join("_layers/sha256").join(hex).join("link"), digest.as_bytes());
    }
    let hex = top.strip_prefix("sha256:").unwrap();
    put(repository.join("_manifests/revisions/sha256").join(hex).join("link"), top.as_bytes());
    put(repository.join("_manifests/tags").join(tag).join("current/link"), top.as_bytes());
    put(repository.join("_manifests/tags").join(tag).join("index/sha256").join(hex).join("link"), top.as_bytes());
    top
}

#[tokio::test]
async fn pulled_by_digest_from_a_registry() {
    busybox!();
    let mut kit = kit(ImagesMode::Pull).await;
    let folder = kit.dir.path().to_owned();
    let Some(registry) = registry(&folder, None).await else { return };
    let top = push(&folder, "team/app", "v1", &image(json!({"Cmd": ["/bin/echo", "first"]})));
    let name = format!("{}/team/app:v1", registry.address);
    // Ten steps of an image that is not there pull it once.
    for i in 0..10 {
        kit.start(container(&format!("u/{i}"), json!({"image": name}))).await;
    }
    for i in 0..10 {
        let result = kit.ended(&format!("u/{i}")).await;
        assert_eq!(result.result.as_deref(), Some("first"), "{result:?}");
    }
    assert_eq!(kit.runner.images().list().unwrap()[0].digest, top);
    // The recorded digest is what runs, until somebody asks for a newer one.
    push(&folder, "team/app", "v1", &image(json!({"Cmd": ["/bin/echo", "second"]})));
    assert_eq!(kit.run(container("u/a", json!({"image": name}))).await.result.as_deref(), Some("first"));
    let always = json!({"image": name, "imagePullPolicy": "Always"});
    assert_eq!(kit.run(container("u/b", always)).await.result.as_deref(), Some("second"));
    let by_digest = format!("{}/team/app@{top}", registry.address);
    assert_eq!(kit.run(container("u/c", json!({"image": by_digest}))).await.result.as_deref(), Some("first"));
    let missing = kit.run(container("u/d", json!({"image": format!("{}/no/such:1", registry.address)}))).await;
    assert_eq!(missing.phase, EndPhase::Error, "{missing:?}");
    let never = json!({"image": format!("{}/team/app:v2", registry.address), "imagePullPolicy": "Never"});
    assert!(kit.run(container("u/e", never)).await.message.contains("imagePullPolicy: Never"));
}

#[tokio::test]
async fn credentials_come_from_pull_secrets() {
    busybox!();
    let mut kit = kit(ImagesMode::Pull).await;
    let folder = kit.dir.path().to_owned();
    // A line of htpasswd for the password `pw`.
    let hash = "me:$2b$05$abcdefghijklmnopqrstuuHIrMEWpUCQe2YqFR3sXwQ75u4od..9q";
    let Some(registry) = registry(&folder, Some(("me", hash))).await else { return };
    push(&folder, "team/app", "v1", &image(json!({"Cmd": ["/bin/echo", "private"]})));
    let name = format!("{}/team/app:v1", registry.address);
    let refused = kit.run(container("u/1", json!({"image": name}))).await;
    assert!(refused.message.contains("imagePullSecrets"), "{}", refused.message);
    let config = json!({"auths": {registry.address.as_str(): {"username": "me", "password": "pw"}}});
    kit.objects.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull", "namespace": "default"},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": config.to_string()}}));
    let mut with_secret = container("u/2", json!({"image": name}));
    with_secret.image_pull_secrets = vec!["pull".to_owned()];
    assert_eq!(kit.run(with_secret).await.result.as_deref(), Some("private"));
}

#[tokio::test]
async fn auto_says_when_no_image_can_be_had() {
    namespaces!();
    let mut kit = kit(ImagesMode::Auto).await;
    let deaf = testkit::net::DeafPort::take().unwrap();
    let free = deaf.address().unwrap();
    let key = kit.start(container("u/1", json!({"image": format!("{free}/app:1"), "command": ["echo", "host"]}))).await;
    let (message, _) = kit.started(&key).await;
    assert!(message.contains("the machine's own root, because") && message.contains("cannot be reached"), "{message}");
    assert_eq!(kit.ended(&key).await.result.as_deref(), Some("host"));
    let never = json!({"image": "absent:1", "imagePullPolicy": "Never", "command": ["echo", "host"]});
    assert_eq!(kit.run(container("u/never", never)).await.result.as_deref(), Some("host"));
    let no_command = kit.run(container("u/2", json!({"image": format!("{free}/app:1")}))).await;
    assert!(no_command.message.contains("container.command"), "{}", no_command.message);
    let mut pull = Kit::with(Settings { images: ImagesMode::Pull, ..settings() }, dir()).await;
    let result = pull.run(container("u/1", json!({"image": format!("{free}/app:1"), "command": ["true"]}))).await;
    assert_eq!((result.phase, result.class), (EndPhase::Error, runner::EndClass::Transient));
    let _ = Arc::strong_count(&pull.dir);
}

#[tokio::test]
async fn auto_takes_the_image_that_is_here_before_any_other_root() {
    busybox!();
    let mut kit = kit(ImagesMode::Auto).await;
    let deaf = testkit::net::DeafPort::take().unwrap();
    let free = deaf.address().unwrap();
    let (name, tar) = (format!("{free}/app:1"), kit.dir.path().join("image.tar"));
    saved(&image(json!({"Cmd": ["/bin/echo", "image"]})), &name, &tar);
    kit.runner.images().import(&tar, None).await.unwrap();
    for key in ["u/1", "u/2"] {
        let always = container(key, json!({"image": name, "imagePullPolicy": "Always"}));
        assert_eq!(kit.run(always).await.result.as_deref(), Some("image"));
    }
    let mut pull = Kit::with(Settings { images: ImagesMode::Pull, ..settings() }, kit.dir.clone()).await;
    let strict = pull.run(container("u/3", json!({"image": name, "imagePullPolicy": "Always"}))).await;
    assert!(strict.message.contains("cannot be reached"), "{strict:?}");
    assert!(strict.message.contains("--images=auto takes"), "{strict:?}");
}

#[tokio::test]
async fn an_image_whose_resolver_file_is_a_link_to_nothing() {
    busybox!();
    let mut kit = kit(ImagesMode::Imported).await;
    let mut linked = image(json!({}));
    linked
        .layers
        .push(layer(&[("etc/resolv.conf -> ../run/resolve/stub", b"", 0o777), ("etc/hosts -> /a/b", b"", 0o777)]));
    let mut config: Value = serde_json::from_slice(&linked.config).unwrap();
    let ids: Vec<String> = linked.layers.iter().map(|l| digest(l)).collect();
    config["rootfs"]["diff_ids"] = json!(ids);
    linked.config = serde_json::to_vec(&config).unwrap();
    let tar = kit.dir.path().join("image.tar");
    saved(&linked, "linked:1", &tar);
    kit.runner.images().import(&tar, None).await.unwrap();
    let look = "test -f /run/resolve/stub && cat /etc/hosts | head -n 1 | wc -l";
    let result = kit.run(container("u/1", json!({"image": "linked:1", "command": ["/bin/sh", "-c", look]}))).await;
    assert_eq!(result.result.as_deref(), Some("1"), "{result:?}");
}
