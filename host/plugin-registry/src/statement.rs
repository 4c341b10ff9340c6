//! What a bundle's signature is over: an envelope (DSSE) around a statement (in-toto) that names the manifest, as today's cosign writes it.

use serde::Deserialize;
use serde_json::json;

/// The statement's media type.
pub(crate) const STATEMENT: &str = "application/vnd.in-toto+json";
/// What a statement says of its subjects when it is a signature and nothing more.
pub(crate) const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
const FORM: &str = "https://in-toto.io/Statement/v1";
const FORM_BEFORE: &str = "https://in-toto.io/Statement/v0.1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    form: String,
    predicate_type: String,
    #[serde(default)]
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: std::collections::BTreeMap<String, String>,
}

/// The statement that a manifest is signed.
pub(crate) fn statement(manifest: &str) -> Vec<u8> {
    let hash = manifest.strip_prefix("sha256:").unwrap_or(manifest);
    json!({
        "_type": FORM,
        "subject": [{"digest": {"sha256": hash}}],
        "predicateType": SIGNATURE,
        "predicate": {},
    })
    .to_string()
    .into_bytes()
}

/// That a statement is a signature of this manifest.
pub(crate) fn is_of(statement: &[u8], manifest: &str) -> Result<(), String> {
    let read: Statement = serde_json::from_slice(statement)
        .map_err(|error| format!("a signature's statement cannot be read: {error}"))?;
    if read.form != FORM && read.form != FORM_BEFORE {
        return Err(format!("a signature's statement has type {:?}; expected {FORM}", read.form));
    }
    if read.predicate_type != SIGNATURE {
        return Err(format!("a statement says {:?} of it, which is no signature", read.predicate_type));
    }
    let hash = manifest.strip_prefix("sha256:");
    match read.subject.iter().any(|one| hash.is_some() && one.digest.get("sha256").map(String::as_str) == hash) {
        true => Ok(()),
        false => Err("a signature is for another manifest".to_owned()),
    }
}

/// The bytes that an envelope's signature is over: its payload, with its type and both lengths before it.
pub(crate) fn in_envelope(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::digest_of;

    #[test]
    fn statements() {
        let (ours, other) = (digest_of(b"a"), digest_of(b"b"));
        let good = String::from_utf8(statement(&ours)).unwrap();
        assert_eq!(is_of(good.as_bytes(), &ours), Ok(()));
        assert_eq!(is_of(good.replace("/v1\",\"sub", "/v0.1\",\"sub").as_bytes(), &ours), Ok(()));
        for (text, manifest, why) in [
            (good.clone(), &*other, "for another manifest"),
            (good.clone(), "", "for another manifest"),
            (good.replace("sha256", "sha512"), &ours, "for another manifest"),
            (good.replace("cosign/sign", "cosign/other"), &ours, "no signature"),
            (good.replace("in-toto.io", "example.com"), &ours, "expected https://in-toto.io"),
            (good.replace("predicateType", "type"), &ours, "cannot be read"),
            (good[..20].to_owned(), &ours, "cannot be read"),
        ] {
            let error = is_of(text.as_bytes(), manifest).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn the_example_of_the_envelopes_specification() {
        let bytes = in_envelope("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
