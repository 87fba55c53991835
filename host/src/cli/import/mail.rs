//! What is particular to `SmtpSMSProvider`: its texts are templates of Python's `format`.

use super::{gateway::Draft, report::Kind};

pub(super) fn adapt(draft: &mut Draft) -> Result<(), String> {
    for key in ["MAILTO", "SUBJECT", "BODY"] {
        let Some(template) = draft.parameter(key) else { continue };
        match of_format(template) {
            Format::Same => {}
            Format::Written(text) => draft.set(key, text),
            Format::Broken => {
                let text = "there Python could not fill it in, and every message failed; here a `{` that begins no tag is a `{`";
                draft.note(Kind::NotCopied, key, text);
            }
            Format::Inexpressible => {
                return Err(format!(
                    "{key}: something in it is Python's format, and more than the tags {{phone}} and {{otp}}; write it with these alone"
                ));
            }
        }
    }
    Ok(())
}

/// What a template of Python's `format` is here.
#[derive(Debug, PartialEq, Eq)]
enum Format {
    Same,
    Written(String),
    /// Python fails on it.
    Broken,
    /// It means something that can't be written here.
    Inexpressible,
}

fn of_format(template: &str) -> Format {
    let (mut written, mut rest, mut tags) = (String::new(), template, 0);
    while let Some(at) = rest.find(['{', '}']) {
        let (words, found) = rest.split_at(at);
        written.push_str(words);
        if let Some(after) = found.strip_prefix("{{") {
            written.push('{');
            rest = after;
        } else if let Some(after) = found.strip_prefix("}}") {
            written.push('}');
            rest = after;
        } else {
            let field = found.strip_prefix('{').and_then(|found| found.split_once('}'));
            let Some((field, after)) = field else { return Format::Broken };
            let name = field.split(['!', ':', '.', '[']).next().unwrap_or_default();
            if !matches!(name, "phone" | "otp") {
                return Format::Broken;
            }
            if field.strip_prefix(name).is_some_and(|more| !matches!(more, "" | "!s" | ":" | "!s:" | ":s")) {
                return Format::Inexpressible;
            }
            written.push_str(&format!("{{{name}}}"));
            tags += 1;
            rest = after;
        }
    }
    written.push_str(rest);
    // What was `{{otp}}` there would become a tag.
    if written.matches("{phone}").count() + written.matches("{otp}").count() != tags {
        return Format::Inexpressible;
    }
    if written == template { Format::Same } else { Format::Written(written) }
}

#[cfg(test)]
mod tests {
    use super::{super::gateway::tests::draft, *};
    use serde_json::json;

    #[test]
    fn doubled_braces_are_braces() {
        for (template, expected) in [
            ("to {phone}: {otp}", Format::Same),
            ("", Format::Same),
            ("{{\"code\": \"{otp}\"}}", Format::Written("{\"code\": \"{otp}\"}".into())),
            ("{{{otp}}}", Format::Written("{{otp}}".into())),
            ("{otp!s}{phone:}", Format::Written("{otp}{phone}".into())),
            ("{{otp}}", Format::Inexpressible),
            ("{otp:>8}", Format::Inexpressible),
            ("{otp[0]}", Format::Inexpressible),
            ("{otp.upper}", Format::Inexpressible),
            ("{", Format::Broken),
            ("a } b", Format::Broken),
            ("{user}", Format::Broken),
            ("{}", Format::Broken),
        ] {
            assert_eq!(of_format(template), expected, "{template}");
        }
    }

    #[test]
    fn an_empty_subject_stays_empty() {
        let options = json!({ "MAILTO": "{phone}@x", "SMTPIDENTIFIED": "relay", "SUBJECT": "", "BODY": "{{x}}", "REGEXP": "" });
        let draft = draft("SmtpSMSProvider", options).unwrap();
        assert_eq!((draft.parameter("SUBJECT"), draft.parameter("BODY")), (Some(""), Some("{x}")));
        assert_eq!((draft.parameter("SMTPIDENTIFIER"), draft.has("REGEXP")), (Some("relay"), false));
    }
}
