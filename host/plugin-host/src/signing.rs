//! Signatures with granted keys. What is wrong with a key is told without showing it.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use plugin::{ErrorClass, PluginError, Result};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;

use crate::bindings::imports::secrets::AwsRequest;

/// RSASSA-PKCS1-v1_5 with SHA-256, by a PEM private key (PKCS #8 or PKCS #1).
pub(crate) fn rsa_sha256(key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let (label, der) = pem(key)?;
    let pair = match label.as_str() {
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
        _ => RsaKeyPair::from_pkcs8(&der),
    };
    let pair = pair.map_err(|_| bad_key("an RSA private key"))?;
    let mut signature = vec![0; pair.public().modulus_len()];
    let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
    signed.map_err(|_| bad_key("an RSA private key that can sign"))?;
    Ok(signature)
}

/// Ed25519, by a PEM private key (PKCS #8).
pub(crate) fn ed25519(key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let (_, der) = pem(key)?;
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| bad_key("an Ed25519 private key"))?;
    Ok(pair.sign(message).as_ref().to_vec())
}

/// The label and content of the first block of a PEM text.
fn pem(key: &[u8]) -> Result<(String, Vec<u8>)> {
    let wrong = || bad_key("a PEM private key");
    let text = std::str::from_utf8(key).map_err(|_| wrong())?;
    let (_, rest) = text.split_once("-----BEGIN ").ok_or_else(wrong)?;
    let (label, rest) = rest.split_once("-----").ok_or_else(wrong)?;
    let (body, _) = rest.split_once("-----END ").ok_or_else(wrong)?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).map_err(|_| wrong())?;
    Ok((label.to_owned(), der))
}

fn bad_key(expected: &str) -> PluginError {
    let message = format!("the secret's value is not {expected}");
    PluginError::new(ErrorClass::Denied, "bad-key", message)
}

/// Credentials for AWS, as a secret's value has them: JSON with the names of the AWS tools, or `id:secret[:token]`.
#[derive(Deserialize)]
struct AwsCredentials {
    #[serde(alias = "AccessKeyId", alias = "aws_access_key_id", rename = "accessKeyId")]
    id: String,
    #[serde(alias = "SecretAccessKey", alias = "aws_secret_access_key", rename = "secretAccessKey")]
    secret: String,
    #[serde(default, alias = "SessionToken", alias = "aws_session_token", rename = "sessionToken")]
    token: Option<String>,
}

impl AwsCredentials {
    fn parse(value: &[u8]) -> Option<Self> {
        if let Ok(parsed) = serde_json::from_slice(value) {
            return Some(parsed);
        }
        let text = std::str::from_utf8(value).ok()?.trim();
        let mut parts = text.splitn(3, ':').map(str::to_owned);
        Some(Self { id: parts.next()?, secret: parts.next()?, token: parts.next() })
    }
}

/// The headers that sign a request for AWS.
pub(crate) fn aws(value: &[u8], request: &AwsRequest) -> Result<Vec<(String, String)>> {
    aws_at(value, request, SystemTime::now())
}

fn aws_at(value: &[u8], request: &AwsRequest, time: SystemTime) -> Result<Vec<(String, String)>> {
    let found = AwsCredentials::parse(value).ok_or_else(|| {
        bad_key("credentials for AWS: expected `accessKeyId` and `secretAccessKey` as JSON, or id:secret")
    })?;
    let identity = Credentials::new(found.id, found.secret, found.token, None, "secret").into();
    let wrong = |error: &dyn std::fmt::Display| {
        PluginError::new(ErrorClass::Permanent, "bad-request", format!("the request cannot be signed: {error}"))
    };
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&request.region)
        .name(&request.service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| wrong(&error))?
        .into();
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(&request.method, &request.url, headers, SignableBody::Bytes(&request.body));
    let signable = signable.map_err(|error| wrong(&error))?;
    let (instructions, _) = sign(signable, &params).map_err(|error| wrong(&error))?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn aws_requests_are_signed_as_documented() {
        // The worked example of AWS's documentation of Signature Version 4: GET /?Action=ListUsers of IAM, 2015-08-30T12:36:00Z.
        let value = br#"{"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}"#;
        let request = AwsRequest {
            method: "GET".into(),
            url: "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08".into(),
            headers: vec![("content-type".into(), "application/x-www-form-urlencoded; charset=utf-8".into())],
            body: Vec::new(),
            service: "iam".into(),
            region: "us-east-1".into(),
        };
        let headers = aws_at(value, &request, UNIX_EPOCH + Duration::from_secs(1_440_938_160)).unwrap();
        let authorization = headers.iter().find(|(name, _)| name == "authorization").unwrap();
        assert!(
            authorization.1.ends_with("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
            "{headers:?}"
        );
        let short = aws_at(b"AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &request, UNIX_EPOCH).unwrap();
        assert!(short.iter().any(|(name, _)| name == "x-amz-date"));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_it() {
        for error in [
            rsa_sha256(b"the value", b"m").unwrap_err(),
            ed25519(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", b"m").unwrap_err(),
        ] {
            assert!(error.code == "bad-key" && !error.message.contains("the value "), "{error}");
        }
    }
}
