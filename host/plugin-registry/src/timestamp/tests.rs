use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::*;

/// As `openssl ts` made them: over one signature, with SHA-256 and its certificate, and with SHA-384 and without.
const WITH: &[u8] = include_bytes!("../../tests/it/keys/timestamps/with-certificate.tsr");
const WITHOUT: &[u8] = include_bytes!("../../tests/it/keys/timestamps/without-certificate.tsr");
const SIGNATURE: &[u8] = include_bytes!("../../tests/it/keys/timestamps/signature");
/// 2026-11-28T19:15:05Z.
const TIME: u64 = 1_795_893_305;

fn stampers(pem: &str) -> Stampers {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
    let roots = certificates.iter().map(|one| webpki::anchor_from_trusted_cert(one).unwrap().to_owned()).collect();
    Stampers { certificates, roots }
}

#[test]
fn what_openssl_stamped() {
    let whole = stampers(include_str!("../../tests/it/keys/timestamps/authority.pem"));
    let root = stampers(include_str!("../../tests/it/keys/timestamps/root.pem"));
    let stranger = stampers(&rcgen::generate_simple_self_signed(Vec::new()).unwrap().cert.pem());
    for (stampers, response, signature, why) in [
        (&whole, WITH, SIGNATURE, None),
        (&whole, WITHOUT, SIGNATURE, None),
        (&root, WITH, SIGNATURE, None),
        (&root, WITHOUT, SIGNATURE, Some("no authority")),
        (&stranger, WITH, SIGNATURE, Some("no authority")),
        (&whole, WITH, &b"other"[..], Some("another signature")),
        (&whole, b"", SIGNATURE, Some("cannot be read")),
    ] {
        let got = stampers.stamped(response, signature);
        match why {
            None => assert_eq!(got.unwrap(), UnixTime::since_unix_epoch(Duration::from_secs(TIME))),
            Some(why) => assert!(got.as_ref().unwrap_err().contains(why), "{got:?}"),
        }
    }
}

/// No byte can be another or be missing without the timestamp losing its force, but for some that say nothing.
#[test]
fn spoilt_ones_do_not_count() {
    let whole = stampers(include_str!("../../tests/it/keys/timestamps/authority.pem"));
    for length in 0..WITHOUT.len() {
        assert!(whole.stamped(&WITHOUT[..length], SIGNATURE).is_err(), "{length}");
    }
    let mut ignored = 0;
    for at in 0..WITHOUT.len() {
        let mut spoilt = WITHOUT.to_vec();
        spoilt[at] ^= 0x15;
        match whole.stamped(&spoilt, SIGNATURE) {
            Err(_) => {}
            // Versions and whom the signer's entry names: neither time nor what was seen.
            Ok(time) => {
                ignored += 1;
                assert_eq!(time, UnixTime::since_unix_epoch(Duration::from_secs(TIME)), "{at}");
            }
        }
    }
    assert!(ignored < 120, "{ignored}");
}
