//! Base64, Base32, JSON, checksums, AES.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest as _;

use crate::error::Error;
use crate::func::{Args, Ctx, Func};
use crate::value::{JsonStyle, Value, parse_json, write_json};

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.b64enc", 1, 1, |ctx, args| {
        ctx.meter.alloc(args.str(0)?.len() / 3 * 4 + 4)?;
        Ok(Value::from(STANDARD.encode(args.str(0)?)))
    }),
    Func::new("sprig.b64dec", 1, 1, |ctx, args| {
        decoded(ctx, args, |text| STANDARD.decode(text).map_err(|e| e.to_string()))
    }),
    Func::new("sprig.b32enc", 1, 1, |ctx, args| {
        ctx.meter.alloc(args.str(0)?.len() / 5 * 8 + 8)?;
        Ok(Value::from(base32_encode(args.str(0)?.as_bytes())))
    }),
    Func::new("sprig.b32dec", 1, 1, |ctx, args| {
        decoded(ctx, args, |text| base32_decode(text).ok_or_else(|| "illegal base32 data".to_owned()))
    }),
    Func::new("sprig.fromJson", 1, 1, |ctx, args| match parse_json(args.str(0)?, &mut ctx.meter) {
        // What cannot be read is nil, but a passed limit is a limit.
        Err(error) if !error.is_limit() => Ok(Value::Nil),
        parsed => parsed,
    }),
    Func::new("sprig.mustFromJson", 1, 1, |ctx, args| parse_json(args.str(0)?, &mut ctx.meter)),
    Func::new("sprig.toJson", 1, 1, |ctx, args| json(ctx, args, JsonStyle::COMPACT)),
    Func::new("sprig.mustToJson", 1, 1, |ctx, args| json(ctx, args, JsonStyle::COMPACT)),
    Func::new("sprig.toPrettyJson", 1, 1, |ctx, args| json(ctx, args, JsonStyle::PRETTY)),
    Func::new("sprig.mustToPrettyJson", 1, 1, |ctx, args| json(ctx, args, JsonStyle::PRETTY)),
    Func::new("sprig.toRawJson", 1, 1, |ctx, args| json(ctx, args, JsonStyle::RAW)),
    Func::new("sprig.mustToRawJson", 1, 1, |ctx, args| json(ctx, args, JsonStyle::RAW)),
    Func::new("sprig.sha1sum", 1, 1, |ctx, args| digest(ctx, args, |bytes| hex(&sha1::Sha1::digest(bytes)))),
    Func::new("sprig.sha256sum", 1, 1, |ctx, args| digest(ctx, args, |bytes| hex(&sha2::Sha256::digest(bytes)))),
    Func::new("sprig.sha512sum", 1, 1, |ctx, args| digest(ctx, args, |bytes| hex(&sha2::Sha512::digest(bytes)))),
    Func::new("sprig.adler32sum", 1, 1, |ctx, args| digest(ctx, args, |bytes| adler32(bytes).to_string())),
    Func::new("sprig.encryptAES", 2, 2, encrypt),
    Func::new("sprig.decryptAES", 2, 2, decrypt),
];

/// Steps charged for each byte that is hashed or enciphered, in sixteenths.
fn pay_for_digest(ctx: &mut Ctx<'_>, bytes: usize) -> Result<(), Error> {
    ctx.meter.spend(10 + bytes / 16)
}

fn digest(ctx: &mut Ctx<'_>, args: Args<'_>, make: impl FnOnce(&[u8]) -> String) -> Result<Value, Error> {
    let text = args.str(0)?;
    pay_for_digest(ctx, text.len())?;
    ctx.string(make(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

fn json(ctx: &mut Ctx<'_>, args: Args<'_>, style: JsonStyle) -> Result<Value, Error> {
    let mut out = String::new();
    write_json(&mut out, args.get(0), style, &mut ctx.meter)?;
    Ok(Value::from(out))
}

/// Decoded text; what cannot be decoded gives the reason as its result, as in sprig.
fn decoded(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    decode: impl FnOnce(&str) -> Result<Vec<u8>, String>,
) -> Result<Value, Error> {
    let text = args.str(0)?;
    ctx.meter.alloc(text.len())?;
    match decode(text) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Value::from)
            .map_err(|_| Error::value(format!("`{}`: the decoded bytes are no text (UTF-8)", args.name))),
        Err(reason) => Ok(Value::from(reason)),
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() / 5 * 8 + 8);
    for group in bytes.chunks(5) {
        let bits = (0..5).fold(0u64, |bits, at| bits << 8 | u64::from(group.get(at).copied().unwrap_or(0)));
        let letters = (group.len() * 8).div_ceil(5);
        for at in 0..8 {
            let digit = (bits >> (35 - 5 * at)) & 31;
            let letter = BASE32.get(digit as usize).copied().unwrap_or(b'=');
            out.push(char::from(if at < letters { letter } else { b'=' }));
        }
    }
    out
}

fn base32_decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(8) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    let digits = text.trim_end_matches('=');
    for group in digits.as_bytes().chunks(8) {
        let mut bits = 0u64;
        for at in 0..8 {
            let digit = match group.get(at) {
                Some(byte) => BASE32.iter().position(|letter| letter == byte)? as u64,
                None => 0,
            };
            bits = bits << 5 | digit;
        }
        let bytes = bits.to_be_bytes();
        out.extend(bytes.iter().skip(3).take(group.len() * 5 / 8));
    }
    Some(out)
}

/// The password, cut or filled up with zeros to 32 bytes, as sprig does it.
fn aes_key(password: &str) -> [u8; 32] {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(password.bytes()) {
        *to = from;
    }
    key
}

const BLOCK: usize = 16;

/// AES-256-CBC with a random first block, as Base64.
fn encrypt(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let (password, text) = (args.str(0)?, args.str(1)?);
    pay_for_digest(ctx, text.len())?;
    ctx.meter.alloc(text.len().saturating_mul(2))?;
    let start = ctx.random(BLOCK)?;
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(&aes_key(password), &start)
        .map_err(|_| Error::internal("length of an AES key"))?;
    let mut out = start;
    out.extend(cipher.encrypt_padded_vec_mut::<Pkcs7>(text.as_bytes()));
    Ok(Value::from(STANDARD.encode(out)))
}

fn decrypt(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let (password, text) = (args.str(0)?, args.str(1)?);
    pay_for_digest(ctx, text.len())?;
    ctx.meter.alloc(text.len())?;
    let wrong = || Error::value("`sprig.decryptAES`: wrong password, or the text was not made by `encryptAES`");
    let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
    let (start, body) = bytes.split_at_checked(BLOCK).ok_or_else(wrong)?;
    let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&aes_key(password), start)
        .map_err(|_| Error::internal("length of an AES key"))?;
    let plain = cipher.decrypt_padded_vec_mut::<Pkcs7>(body).map_err(|_| wrong())?;
    String::from_utf8(plain).map(Value::from).map_err(|_| wrong())
}
