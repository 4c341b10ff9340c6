//! With the real cosign: what it signs is read, and what is signed here it verifies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use plugin_registry::{PublicKey, Registry, Signer, SigningKey, Trust, parse_reference};
use testkit::registry::OciRegistry;

/// The program, in a folder of its own, where it keeps keys and settings.
struct Cosign {
    program: PathBuf,
    home: PathBuf,
}

/// A pair of keys, as cosign and this crate want them.
struct Keys {
    /// Prefix of the files that cosign keeps the pair in.
    name: String,
    signing: SigningKey,
    public: PublicKey,
}

impl Cosign {
    fn find(home: &Path, test: &str) -> Option<Self> {
        Some(Self { program: testkit::tools::need("cosign", test)?, home: home.to_owned() })
    }

    fn run(&self, args: &[&str]) -> Output {
        // No network: everything that it wants of Sigstore's own servers is said in files, or not wanted.
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.home).env("HOME", &self.home).env("TUF_ROOT", self.home.join("tuf"));
        command.env("COSIGN_PASSWORD", "").env("SIGSTORE_NO_CACHE", "true").output().unwrap()
    }

    fn ok(&self, args: &[&str]) {
        let got = self.run(args);
        assert!(got.status.success(), "cosign {args:?}: {}", String::from_utf8_lossy(&got.stderr));
    }

    fn keys(&self, name: &str) -> Keys {
        let pair = rcgen::KeyPair::generate().unwrap();
        let file = format!("{name}.pem");
        std::fs::write(self.home.join(&file), pair.serialize_pem()).unwrap();
        self.ok(&["import-key-pair", "--key", &file, "--output-key-prefix", name]);
        let public = std::fs::read_to_string(self.home.join(format!("{name}.pub"))).unwrap();
        Keys {
            name: name.to_owned(),
            signing: SigningKey::from_pem(&pair.serialize_pem()).unwrap(),
            public: PublicKey::from_pem(&public).unwrap(),
        }
    }

    /// Signs as today's cosign does, or as it did before, without a public log.
    fn sign(&self, keys: &Keys, image: &str, bundle: bool) {
        let key = format!("{}.key", keys.name);
        let form: &[&str] = match bundle {
            true => &["--signing-config", "services.json"],
            false => &["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"],
        };
        self.ok(&["signing-config", "create", "--out", "services.json"]);
        self.ok(&[&["sign", "-y", "--allow-http-registry", "--key", &key], form, &[image]].concat());
    }

    /// Whether it finds a signature by this key, in this form.
    fn verifies(&self, keys: &Keys, image: &str, bundle: bool) -> bool {
        let (key, form) = (format!("{}.pub", keys.name), format!("--new-bundle-format={bundle}"));
        let args = ["verify", "--allow-http-registry", "--insecure-ignore-tlog", &form, "--key", &key, image];
        self.run(&args).status.success()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_and_this_crate_read_each_others_signatures() {
    let test = "cosign_and_this_crate_read_each_others_signatures";
    let home = tempfile::tempdir().unwrap();
    let Some(cosign) = Cosign::find(home.path(), test) else { return };
    let Some(server) = OciRegistry::start(home.path(), test).unwrap() else { return };
    let registry = Registry::new(None, true, None);
    let reference = parse_reference(&format!("{}/team/greet:1", server.address)).unwrap();
    let (ours, other) = (cosign.keys("ours"), cosign.keys("other"));
    let trust = |keys: &Keys| Trust { keys: vec![keys.public.clone()], ..Trust::default() };
    let signer = |manifest: String, trust: Trust| {
        let (registry, reference) = (&registry, &reference);
        async move { registry.signer(reference, &manifest, &trust).await.unwrap() }
    };
    let none = BTreeMap::new();
    let by_ours = Ok(Signer::Key(ours.public.fingerprint().to_owned()));
    let image = |manifest: &str| format!("{}/team/greet@{manifest}", server.address);

    // What cosign signed, in each form.
    for (content, bundle) in [("bundle", true), ("before", false)] {
        let manifest = registry.push(&reference, content.into(), &none).await.unwrap();
        assert_eq!(signer(manifest.clone(), trust(&ours)).await, Err("nobody signed it".to_owned()));
        cosign.sign(&other, &image(&manifest), bundle);
        let refused = signer(manifest.clone(), trust(&ours)).await.unwrap_err();
        assert!(refused.contains("by none of the keys"), "{refused}");
        cosign.sign(&ours, &image(&manifest), bundle);
        assert_eq!(signer(manifest.clone(), trust(&ours)).await, by_ours);
        assert!(cosign.verifies(&ours, &image(&manifest), bundle));
    }

    // What is signed here, in both forms at once; what was there stays, and is not written twice.
    let manifest = registry.push(&reference, "here".into(), &none).await.unwrap();
    cosign.sign(&other, &image(&manifest), true);
    for _ in 0..2 {
        registry.sign(&reference, &manifest, &ours.signing).await.unwrap();
    }
    assert_eq!(signer(manifest.clone(), trust(&ours)).await, by_ours);
    assert!(signer(manifest.clone(), trust(&other)).await.is_ok());
    for bundle in [true, false] {
        assert!(cosign.verifies(&ours, &image(&manifest), bundle), "bundle {bundle}");
    }
    assert!(cosign.verifies(&other, &image(&manifest), true));
    assert!(!cosign.verifies(&cosign.keys("stranger"), &image(&manifest), true));

    // Another manifest under the same tag has no signature.
    let moved = registry.push(&reference, "moved".into(), &none).await.unwrap();
    assert_eq!(signer(moved, trust(&ours)).await, Err("nobody signed it".to_owned()));
}
