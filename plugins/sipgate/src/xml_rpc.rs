//! XML-RPC (<http://xmlrpc.com/spec.md>): a call out, a response in.

use quick_xml::{
    Reader, Writer,
    escape::resolve_predefined_entity,
    events::{BytesDecl, BytesText, Event},
};
use std::{fmt, io};

/// How deep values may lie in each other.
const DEEPEST: usize = 32;

/// A text that no XML document can hold (XML 1.0 section 2.2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unwritable;

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the phone number or the text has a control character in it that XML can't hold")
    }
}

/// Why a document is no response. Quotes nothing of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no XML-RPC response: {}", self.0)
    }
}

/// What a method answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Response {
    Value(Value),
    Fault(Value),
}

/// A value. Whether a scalar was written as a number or as a string makes no difference here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Scalar(String),
    Array(Vec<Value>),
    Struct(Vec<(String, Value)>),
}

impl Value {
    /// The scalar under this name in a struct, without the white space around it.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        let Self::Struct(members) = self else { return None };
        members.iter().find_map(|(key, value)| match value {
            Self::Scalar(text) if key == name => Some(text.trim()),
            _ => None,
        })
    }
}

/// A call with one struct of strings, or without parameters.
pub(crate) fn call(method: &str, members: Option<&[(&str, &str)]>) -> Result<String, Unwritable> {
    let texts = members.into_iter().flatten().map(|(_, text)| *text);
    if texts.flat_map(str::chars).any(|character| !is_writable(character)) {
        return Err(Unwritable);
    }
    let mut writer = Writer::new(Vec::new());
    // Neither a vector nor UTF-8 out of strings can fail.
    let written = write_call(&mut writer, method, members).map(|()| writer.into_inner());
    written.ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(Unwritable)
}

fn is_writable(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        character => character >= ' ',
    }
}

fn write_call(
    writer: &mut Writer<Vec<u8>>,
    method: &str,
    members: Option<&[(&str, &str)]>,
) -> io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("methodCall").write_inner_content(|call| {
        call.create_element("methodName").write_text_content(BytesText::new(method))?;
        let Some(members) = members else { return Ok(()) };
        within(call, &["params", "param", "value", "struct"], |call| {
            for (name, text) in members {
                call.create_element("member").write_inner_content(|member| {
                    member.create_element("name").write_text_content(BytesText::new(name))?;
                    within(member, &["value"], |value| {
                        value.create_element("string").write_text_content(BytesText::new(text))?;
                        Ok(())
                    })
                })?;
            }
            Ok(())
        })
    })?;
    Ok(())
}

/// Elements in each other, with `content` in the innermost.
fn within(
    writer: &mut Writer<Vec<u8>>,
    names: &[&str],
    content: impl FnOnce(&mut Writer<Vec<u8>>) -> io::Result<()>,
) -> io::Result<()> {
    for name in names {
        writer.write_event(Event::Start(quick_xml::events::BytesStart::new(*name)))?;
    }
    content(writer)?;
    for name in names.iter().rev() {
        writer.write_event(Event::End(quick_xml::events::BytesEnd::new(*name)))?;
    }
    Ok(())
}

/// Reads a response.
///
/// # Errors
/// It is none.
pub(crate) fn read(document: &str) -> Result<Response, Unreadable> {
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let mut parser = Parser { reader, depth: 0 };
    parser.open("methodResponse")?;
    match parser.opened()?.as_str() {
        "params" => {
            parser.open("param")?;
            parser.open("value")?;
            parser.value().map(Response::Value)
        }
        "fault" => {
            parser.open("value")?;
            parser.value().map(Response::Fault)
        }
        _ => Err(unreadable("neither params nor fault")),
    }
}

fn unreadable(what: impl Into<String>) -> Unreadable {
    Unreadable(what.into())
}

enum Token {
    Opened(String),
    Closed,
    Text(String),
}

struct Parser<'d> {
    reader: Reader<&'d [u8]>,
    depth: usize,
}

impl Parser<'_> {
    fn token(&mut self) -> Result<Token, Unreadable> {
        loop {
            let event = self
                .reader
                .read_event()
                .map_err(|_| unreadable(format!("no XML at byte {}", self.reader.error_position())))?;
            return Ok(match event {
                Event::Start(start) => Token::Opened(start.name().as_ref().to_owned()),
                Event::End(_) => Token::Closed,
                Event::Text(text) => Token::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Token::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                    let text = character.or_else(|| resolve_predefined_entity(&reference).map(str::to_owned));
                    Token::Text(text.ok_or_else(|| unreadable("an entity that XML does not know"))?)
                }
                Event::DocType(_) => return Err(unreadable("a document type, which XML-RPC has not")),
                Event::Eof => return Err(unreadable("it ends too early")),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_) => continue,
            });
        }
    }

    /// The element that opens next; `None` where the one around it closes.
    fn opened_or_closed(&mut self) -> Result<Option<String>, Unreadable> {
        loop {
            match self.token()? {
                Token::Opened(name) => return Ok(Some(name)),
                Token::Closed => return Ok(None),
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Text(_) => return Err(unreadable("text where an element should be")),
            }
        }
    }

    fn opened(&mut self) -> Result<String, Unreadable> {
        self.opened_or_closed()?.ok_or_else(|| unreadable("an element is missing"))
    }

    fn open(&mut self, name: &str) -> Result<(), Unreadable> {
        if self.opened()? == name { Ok(()) } else { Err(unreadable(format!("no {name}"))) }
    }

    fn close(&mut self) -> Result<(), Unreadable> {
        match self.opened_or_closed()? {
            None => Ok(()),
            Some(_) => Err(unreadable("an element too much")),
        }
    }

    /// The text to the end of the element.
    fn text(&mut self) -> Result<String, Unreadable> {
        let mut text = String::new();
        loop {
            match self.token()? {
                Token::Text(more) => text.push_str(&more),
                Token::Closed => return Ok(text),
                Token::Opened(_) => return Err(unreadable("an element where text should be")),
            }
        }
    }

    /// What stands in an open `value`, to its end. Without a type it is a string.
    fn value(&mut self) -> Result<Value, Unreadable> {
        if self.depth == DEEPEST {
            return Err(unreadable("values too deep in each other"));
        }
        self.depth += 1;
        let mut untyped = String::new();
        let value = loop {
            match self.token()? {
                Token::Text(more) => untyped.push_str(&more),
                Token::Closed => break Value::Scalar(untyped),
                Token::Opened(_) if !untyped.trim().is_empty() => {
                    return Err(unreadable("text beside an element"));
                }
                Token::Opened(kind) => {
                    let value = match kind.as_str() {
                        "struct" => self.members()?,
                        "array" => self.elements()?,
                        _ => Value::Scalar(self.text()?),
                    };
                    self.close()?;
                    break value;
                }
            }
        };
        self.depth -= 1;
        Ok(value)
    }

    fn members(&mut self) -> Result<Value, Unreadable> {
        let mut members = Vec::new();
        while let Some(element) = self.opened_or_closed()? {
            if element != "member" {
                return Err(unreadable("no member in a struct"));
            }
            self.open("name")?;
            let name = self.text()?;
            self.open("value")?;
            members.push((name, self.value()?));
            self.close()?;
        }
        Ok(Value::Struct(members))
    }

    fn elements(&mut self) -> Result<Value, Unreadable> {
        let mut elements = Vec::new();
        self.open("data")?;
        while let Some(element) = self.opened_or_closed()? {
            if element != "value" {
                return Err(unreadable("no value in an array"));
            }
            elements.push(self.value()?);
        }
        self.close()?;
        Ok(Value::Array(elements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(text: &str) -> Value {
        Value::Scalar(text.into())
    }

    #[test]
    fn a_call_is_the_document_that_the_specification_shows() {
        assert_eq!(
            call("a.b", Some(&[("N", "x <&>\"']]> ä😀\r\n")])).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><methodCall><methodName>a.b</methodName><params><param><value>\
             <struct><member><name>N</name><value><string>x &lt;&amp;&gt;&quot;&apos;]]&gt; ä😀&#13;\n</string></value></member>\
             </struct></value></param></params></methodCall>"
        );
        assert_eq!(
            call("system.listMethods", None).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><methodCall><methodName>system.listMethods</methodName></methodCall>"
        );
    }

    #[test]
    fn what_xml_can_not_hold_is_not_written() {
        for text in ["\0", "a\u{1}", "\u{8}", "\u{b}", "\u{c}", "\u{1b}[0m", "\u{1f}", "\u{fffe}", "\u{ffff}"]
        {
            assert_eq!(call("m", Some(&[("N", text)])), Err(Unwritable), "{text:?}");
        }
        for text in ["\t\n\r", "\u{7f}\u{85}", "\u{fffd}\u{e000}\u{10ffff}"] {
            assert!(call("m", Some(&[("N", text)])).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn responses_are_read_whoever_wrote_them() {
        let member = |value: &str| {
            format!(
                "<?xml version='1.0'?>\n<!-- made by hand -->\n<methodResponse>\n <params>\n  <param>\n   <value><struct>\n    \
                 <member> <name>StatusCode</name> {value} </member></struct></value></param></params></methodResponse>"
            )
        };
        for (written, read_as) in [
            ("<value><int>200</int></value>", scalar("200")),
            ("<value>\n <i4> 200 </i4>\n</value>", scalar(" 200 ")),
            ("<value>200</value>", scalar("200")),
            ("<value/>", scalar("")),
            ("<value><string/></value>", scalar("")),
            ("<value>a&lt;&#x41;&amp;<![CDATA[<b>]]></value>", scalar("a<A&<b>")),
            (
                "<value><array><data><value>1</value><value><boolean>0</boolean></value></data></array></value>",
                Value::Array(vec![scalar("1"), scalar("0")]),
            ),
        ] {
            let expected = Value::Struct(vec![("StatusCode".into(), read_as)]);
            assert_eq!(read(&member(written)), Ok(Response::Value(expected)), "{written}");
        }
        let fault = "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>4</int></value></member>\
                     <member><name>faultString</name><value><string>Too many parameters.</string></value></member></struct></value></fault></methodResponse>";
        let Ok(Response::Fault(fault)) = read(fault) else { panic!() };
        assert_eq!(
            (fault.member("faultCode"), fault.member("faultString")),
            (Some("4"), Some("Too many parameters."))
        );
        assert_eq!(fault.member("nothing"), None);
    }

    #[test]
    fn what_is_no_response_is_said_to_be_none() {
        let deep = "<value><array><data>".repeat(100_000);
        for document in [
            "",
            "OK",
            "<html><body>Sign in</body></html>",
            "<methodResponse></methodResponse>",
            "<methodResponse><params/></methodResponse>",
            "<methodResponse><params><param><value><struct><member>",
            "<methodResponse><params><param><value><int>1</value></param></params></methodResponse>",
            "<methodResponse><params><param><value>&unknown;</value></param></params></methodResponse>",
            "<!DOCTYPE x [<!ENTITY a 'b'>]><methodResponse><params><param><value>&a;</value></param></params></methodResponse>",
            "<methodResponse><params><param>text<value>1</value></param></params></methodResponse>",
            &format!("<methodResponse><params><param>{deep}"),
        ] {
            assert!(read(document).is_err(), "{}", document.chars().take(200).collect::<String>());
        }
    }
}
