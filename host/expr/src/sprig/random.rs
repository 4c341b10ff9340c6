//! Randomness, from the caller's source; and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, ErrorKind};
use crate::func::{Args, Ctx, Func, MANY};
use crate::value::Value;

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";

/// Why keys and certificates are not made here.
const SECRETS: &str = "a key or certificate would stand readable in the workflow and its history; make it in a step and keep it in a Secret";
/// Why passwords are not hashed here.
const PASSWORDS: &str = "hashing a password takes more time and memory than an expression may use; do it in a step";
/// Why the environment is not read.
const ENVIRONMENT: &str = "the server's environment and network are not a workflow's to read; pass a parameter";

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.randAlphaNum", 1, 1, |ctx, args| text(ctx, args, &[LETTERS, DIGITS].concat())),
    Func::new("sprig.randAlpha", 1, 1, |ctx, args| text(ctx, args, LETTERS)),
    Func::new("sprig.randNumeric", 1, 1, |ctx, args| text(ctx, args, DIGITS)),
    Func::new("sprig.randAscii", 1, 1, |ctx, args| {
        let printable: String = (' '..='~').collect();
        text(ctx, args, &printable)
    }),
    Func::new("sprig.randInt", 2, 2, |ctx, args| {
        let (low, high) = (args.int(0)?, args.int(1)?);
        if high <= low {
            return Err(Error::value(format!("`sprig.randInt`: nothing lies from {low} up to {high}")));
        }
        let offset = ctx.random_below(high.abs_diff(low))?;
        Ok(Value::Int(low.wrapping_add_unsigned(offset)))
    }),
    Func::new("sprig.randBytes", 1, 1, |ctx, args| {
        let bytes = ctx.random(length(args)?)?;
        ctx.string(STANDARD.encode(bytes))
    }),
    Func::new("sprig.uuidv4", 0, 0, |ctx, _| {
        let bytes = ctx.random(16)?;
        let mut hex = String::with_capacity(36);
        for (at, byte) in bytes.into_iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                hex.push('-');
            }
            // Version 4, variant 1 of RFC 9562.
            let byte = match at {
                6 => byte & 0x0f | 0x40,
                8 => byte & 0x3f | 0x80,
                _ => byte,
            };
            hex.push_str(&format!("{byte:02x}"));
        }
        ctx.string(hex)
    }),
    Func::new("sprig.shuffle", 1, 1, |ctx, args| {
        let mut chars: Vec<char> = args.str(0)?.chars().collect();
        ctx.meter.alloc(chars.len() * 4)?;
        for last in (1..chars.len()).rev() {
            let other = ctx.random_below(last as u64 + 1)?;
            chars.swap(last, usize::try_from(other).unwrap_or(0));
        }
        ctx.string(chars.into_iter().collect::<String>())
    }),
    Func::new("sprig.genPrivateKey", 0, MANY, |_, args| refused(args, SECRETS)),
    Func::new("sprig.genCA", 0, MANY, |_, args| refused(args, SECRETS)),
    Func::new("sprig.genCAWithKey", 0, MANY, |_, args| refused(args, SECRETS)),
    Func::new("sprig.genSelfSignedCert", 0, MANY, |_, args| refused(args, SECRETS)),
    Func::new("sprig.genSelfSignedCertWithKey", 0, MANY, |_, args| refused(args, SECRETS)),
    Func::new("sprig.genSignedCert", 0, MANY, |_, args| refused(args, SECRETS)),
    Func::new("sprig.genSignedCertWithKey", 0, MANY, |_, args| refused(args, SECRETS)),
    Func::new("sprig.buildCustomCert", 0, MANY, |_, args| refused(args, SECRETS)),
    Func::new("sprig.bcrypt", 0, MANY, |_, args| refused(args, PASSWORDS)),
    Func::new("sprig.htpasswd", 0, MANY, |_, args| refused(args, PASSWORDS)),
    Func::new("sprig.derivePassword", 0, MANY, |_, args| refused(args, PASSWORDS)),
    Func::new("sprig.env", 0, MANY, |_, args| refused(args, ENVIRONMENT)),
    Func::new("sprig.expandenv", 0, MANY, |_, args| refused(args, ENVIRONMENT)),
    Func::new("sprig.getHostByName", 0, MANY, |_, args| refused(args, ENVIRONMENT)),
];

fn refused(args: Args<'_>, reason: &'static str) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::Refused { function: args.name.to_owned(), reason }))
}

fn length(args: Args<'_>) -> Result<usize, Error> {
    usize::try_from(args.int(0)?).map_err(|_| args.mismatch(0, "zero or more"))
}

fn text(ctx: &mut Ctx<'_>, args: Args<'_>, letters: &str) -> Result<Value, Error> {
    let length = length(args)?;
    ctx.meter.alloc(length)?;
    let mut out = String::with_capacity(length);
    for _ in 0..length {
        let at = ctx.random_below(letters.len() as u64)?;
        out.extend(letters.chars().nth(usize::try_from(at).unwrap_or(0)));
    }
    Ok(Value::from(out))
}
