//! `sprig.*` against the answers of sprig itself, and what is only true of this implementation.

use crate::testing::{answer, check_table};

#[test]
fn answers_of_sprig() {
    check_table(include_str!("functions.tsv"));
}

/// Where sprig gives an error or something that nobody could want, and this implementation does not.
#[test]
fn intended_differences() {
    for (code, expected) in [
        // Never half a character.
        (r#"sprig.trunc(2, "hé")"#, r#""h""#),
        (r#"sprig.nospace("a\u00a0b")"#, r#""ab""#),
        // No nil lists.
        ("sprig.rest([])", "[]"),
        ("sprig.initial([])", "[]"),
        ("sprig.concat()", "[]"),
        ("sprig.regexFindAll('x', 'abc', -1)", "[]"),
        ("sprig.regexSplit('z+', 'pizza', 0)", "[]"),
        // Numbers where texts or durations are wanted.
        ("sprig.duration(95)", r#""1m35s""#),
        ("sprig.durationRound(duration('61m'))", r#""1h""#),
        ("sprig.plural('a', 'b', 1.0)", r#""a""#),
        ("sprig.int64(1e30)", "9223372036854775807"),
        // Whole floats and integers are the same.
        ("sprig.uniq([1, 1.0])", "[1]"),
        ("sprig.camelcase('_')", r#""_""#),
        ("sprig.typeOf(1..2)", r#""[]interface {}""#),
    ] {
        assert_eq!(answer(code).as_deref(), Ok(expected), "{code}");
    }
}

#[test]
fn dates_and_randomness_are_the_callers() {
    for (code, expected) in [
        ("sprig.date('2006-01-02', sprig.now())", r#""2024-05-06""#),
        ("sprig.date('2006-01-02', nil)", r#""2024-05-06""#),
        ("sprig.ago(sprig.toDate('2006-01-02', '2024-05-05'))", r#""31h8m9s""#),
        ("sprig.unixEpoch(now())", r#""1714979289""#),
        ("sprig.htmlDateInZone(now(), 'Pacific/Auckland')", r#""2024-05-06""#),
        ("sprig.dateInZone('15:04 MST', now(), 'America/New_York')", r#""03:08 EDT""#),
        ("sprig.date('15:04', sprig.dateModify('-1.5h', now()))", r#""05:38""#),
        ("sprig.uuidv4()", r#""07070707-0707-4707-8707-070707070707""#),
        ("sprig.randNumeric(4)", r#""1111""#),
        ("len(sprig.randAlphaNum(12))", "12"),
        ("len(sprig.randAscii(5))", "5"),
        ("sprig.randBytes(3)", r#""BwcH""#),
        ("sprig.randInt(3, 4)", "3"),
        ("len(sprig.shuffle('hello'))", "5"),
        ("sprig.decryptAES('pw', sprig.encryptAES('pw', 'secret'))", r#""secret""#),
    ] {
        assert_eq!(answer(code).as_deref(), Ok(expected), "{code}");
    }
    assert!(answer("sprig.decryptAES('other', sprig.encryptAES('pw', 'secret'))").is_err());
    assert!(answer("sprig.randInt(4, 4)").is_err());
}

#[test]
fn refused_functions_say_why() {
    for function in [
        "genPrivateKey",
        "genCA",
        "genCAWithKey",
        "genSelfSignedCert",
        "genSelfSignedCertWithKey",
        "genSignedCert",
        "genSignedCertWithKey",
        "buildCustomCert",
        "bcrypt",
        "htpasswd",
        "derivePassword",
        "env",
        "expandenv",
        "getHostByName",
    ] {
        let error = answer(&format!("sprig.{function}('a')")).unwrap_err();
        assert!(error.starts_with(&format!("`sprig.{function}` is not available: ")), "{error}");
    }
}

/// Every function of sprig's generic map is here.
#[test]
fn no_function_is_missing() {
    const NAMES: &str = "hello ago date date_in_zone date_modify dateInZone dateModify duration durationRound htmlDate htmlDateInZone \
        must_date_modify mustDateModify mustToDate now toDate unixEpoch abbrev abbrevboth trunc trim upper lower title untitle substr repeat \
        trimall trimAll trimSuffix trimPrefix nospace initials randAlphaNum randAlpha randAscii randNumeric swapcase shuffle snakecase \
        camelcase kebabcase wrap wrapWith contains hasPrefix hasSuffix quote squote cat indent nindent replace plural sha1sum sha256sum \
        sha512sum adler32sum toString atoi int64 int float64 seq toDecimal split splitList splitn toStrings until untilStep add1 add sub div \
        mod mul randInt add1f addf subf divf mulf biggest max min maxf minf ceil floor round join sortAlpha default empty coalesce all any \
        compact mustCompact fromJson toJson toPrettyJson toRawJson mustFromJson mustToJson mustToPrettyJson mustToRawJson ternary deepCopy \
        mustDeepCopy typeOf typeIs typeIsLike kindOf kindIs deepEqual env expandenv getHostByName base dir clean ext isAbs osBase osClean \
        osDir osExt osIsAbs b64enc b64dec b32enc b32dec tuple list dict get set unset hasKey pluck keys pick omit merge mergeOverwrite \
        mustMerge mustMergeOverwrite values append push mustAppend mustPush prepend mustPrepend first mustFirst rest mustRest last mustLast \
        initial mustInitial reverse mustReverse uniq mustUniq without mustWithout has mustHas slice mustSlice concat dig chunk mustChunk \
        bcrypt htpasswd genPrivateKey derivePassword buildCustomCert genCA genCAWithKey genSelfSignedCert genSelfSignedCertWithKey \
        genSignedCert genSignedCertWithKey encryptAES decryptAES randBytes uuidv4 semver semverCompare fail regexMatch mustRegexMatch \
        regexFindAll mustRegexFindAll regexFind mustRegexFind regexReplaceAll mustRegexReplaceAll regexReplaceAllLiteral \
        mustRegexReplaceAllLiteral regexSplit mustRegexSplit regexQuoteMeta urlParse urlJoin";
    let missing: Vec<&str> = NAMES.split_whitespace().filter(|name| super::find(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
