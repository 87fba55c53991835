//! The blocks of a page below `docs`, so that what a page says is what is tested.

use crate::tree;
use std::fs;

/// A page and its fenced blocks.
#[derive(Debug)]
pub struct Guide {
    name: String,
    blocks: Vec<(String, String)>,
}

impl Guide {
    /// Reads `docs/NAME`.
    pub fn read(name: &str) -> Self {
        let text = fs::read_to_string(tree::workspace().join("docs").join(name)).unwrap();
        let (mut blocks, mut open) = (Vec::new(), None::<(String, String)>);
        for line in text.lines() {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(language), None) => open = Some((language.to_owned(), String::new())),
                (None, Some((_, block))) => {
                    block.push_str(line);
                    block.push('\n');
                }
                (None, None) => {}
            }
        }
        assert_eq!(open, None, "docs/{name}: a block has no end");
        Self { name: name.to_owned(), blocks }
    }

    /// The only block of this language that contains `what`.
    pub fn block(&self, language: &str, what: &str) -> Text<'_> {
        let mut fitting = self.blocks.iter().filter(|(of, block)| of == language && block.contains(what));
        let (Some((_, block)), None) = (fitting.next(), fitting.next()) else {
            panic!("docs/{} has none or several blocks of {language} with {what}", self.name);
        };
        Text { guide: self, text: block.clone() }
    }
}

/// A block of a page, adapted to a test where the page has an example.
#[derive(Debug)]
pub struct Text<'a> {
    guide: &'a Guide,
    text: String,
}

impl Text<'_> {
    /// With something else in place of an example, which has to be there.
    #[must_use]
    pub fn with(mut self, example: &str, real: &str) -> Self {
        assert!(self.text.contains(example), "docs/{}: no {example} in\n{}", self.guide.name, self.text);
        self.text = self.text.replace(example, real);
        self
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}
