use super::*;

fn apply(value: &str, phone: &str) -> String {
    Regexp::parse(value).unwrap_or_else(|error| panic!("{error}")).apply(phone).unwrap()
}

#[test]
fn definitions_of_privacyidea_do_what_they_did_there() {
    for (value, phone, expected) in [
        ("/[+-/. ]//", "+49 123/456-78", "4912345678"),
        (r"/\+/00/", "+49 123/456-78", "0049 123/456-78"),
        (r"/[\+/]//", "+49 123/456-78", "49 123456-78"),
        (r"/^([0-9]+).*/\1/", "12345abcdef", "12345"),
        ("/^0/0049/", "0123456789", "0049123456789"),
        (r"/(1)|(2)/[\1\2]/", "12", "[1][2]"),
        ("/^0/$1/", "0123", "$1123"),
        ("/^0*//", "0049", "49"),
        ("/x?/-/", "1x", "-1--"),
        // The empty match at the end is replaced too.
        (r"/(?P<rest>.*)/0\g<rest>/", "1", "010"),
    ] {
        assert_eq!(apply(value, phone), expected, "{value}");
    }
}

#[test]
fn an_escaped_slash_is_a_slash() {
    assert_eq!(apply(r"/\./\//", "12.34.56.78"), "12/34/56/78");
    assert_eq!(apply(r"/\//-/", "1/2"), "1-2");
    assert_eq!(apply("/1/2/3/", "1/2"), "3");
}

#[test]
fn what_has_not_the_form_is_refused() {
    for value in ["", "/", "//", "abc", "/abc", "/abc/", "abc/def/", "/abc/def", r"/abc/def\/", r"/a\/b/"] {
        let error = Regexp::parse(value).unwrap_err();
        assert!(error.what().contains("has not the form /PATTERN/REPLACEMENT/"), "{value}: {error}");
    }
    assert_eq!(apply("///", "12"), "12");
}

#[test]
fn what_does_not_compile_is_refused_with_its_reason() {
    for (value, reason) in [
        ("/+/00/", "there is nothing for `+` to repeat"),
        (r"/\p{L}//", r"`\p` means nothing"),
        ("/(?(1)a|b)//", "conditional groups `(?(…)…)` are not supported"),
        (r"/\N{DIGIT ONE}//", r"named characters `\N{…}` are not supported"),
        ("/(?x)a b//", "the flag x is not supported"),
        ("/(?<=a+)b//", "a look-behind must have a fixed width"),
        ("/(a?)*//", "`*` repeats what may match nothing, which is not supported"),
        (r"/(\d)*+//", "`*` repeats groups possessively or in a look-around, which is not supported"),
        (r"/(?=(\d))?//", "`?` repeats groups possessively or in a look-around, which is not supported"),
        (r"/a/\1/", "the replacement refers to group 1, the pattern has 0"),
    ] {
        let error = Regexp::parse(value).unwrap_err();
        assert!(error.what().contains(reason), "{value}: {error}");
        assert!(error.clone().into_problem("REGEXP").to_string().starts_with("REGEXP: "));
    }
}

/// Undoes Python's `unicode_escape`.
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        plain.push(match rest.next().unwrap() {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '\\' => '\\',
            letter => {
                let digits = rest
                    .by_ref()
                    .take(match letter {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    })
                    .collect::<String>();
                char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap()
            }
        });
    }
    plain
}

/// Without the slashes around, which the cases do not have.
fn compile(pattern: &str, replacement: &str) -> Result<Regexp, String> {
    let escape = |text: &str| {
        let mut escaped = false;
        text.chars().fold(String::new(), |mut text, character| {
            if character == '/' && !escaped {
                text.push('\\');
            }
            escaped = character == '\\' && !escaped;
            text.push(character);
            text
        })
    };
    Regexp::parse(&format!("/{}/{}/", escape(pattern), escape(replacement)))
        .map_err(|error| error.what().to_owned())
}

/// What Python supports and this does not, and says so by name.
const REFUSED: [&str; 4] =
    ["is not supported", "are not supported", "above \\377", "the engine does not take it"];

/// `cases.txt` has a pattern, a replacement, a subject, and what Python 3.11 makes of them, `!` for an error.
#[test]
fn python_agrees() {
    let (mut agreed, mut refused) = (0, Vec::new());
    for line in include_str!("cases.txt").lines() {
        let columns = line.split('\t').map(unescape).collect::<Vec<_>>();
        let [pattern, replacement, subject, result] = columns.as_slice() else { panic!("{line}") };
        let ours = compile(pattern, replacement);
        match (ours, result.strip_prefix("= ")) {
            (Ok(ours), Some(theirs)) if ours.apply(subject).unwrap() == theirs => agreed += 1,
            (Err(_), None) => agreed += 1,
            (Err(error), Some(_)) if REFUSED.iter().any(|reason| error.contains(reason)) => {
                refused.push((line, error))
            }
            (ours, _) => panic!("{line}\n{ours:?}"),
        }
    }
    assert!(agreed >= 450, "{agreed}");
    assert!(refused.len() <= 5, "{refused:#?}");
}

#[test]
fn a_catastrophic_pattern_is_given_up() {
    let regexp = Regexp::parse(r"/(?=1)(1+)+\1$//").unwrap();
    let number = format!("{}x", "1".repeat(4000));
    let error = regexp.apply(&number).unwrap_err();
    assert_eq!(error.verdict, crate::Verdict::Rejected);
    assert!(error.detail.contains("too many steps"), "{error}");
    assert!(!error.detail.contains("111"), "the number is not quoted");
}
