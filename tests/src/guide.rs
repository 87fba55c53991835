//! The blocks of a page below `docs`, so that what a page says is what is tested.

use crate::{command, tree};
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

    /// The key that the page's command makes, and its hash. What it prints for the configuration stands on the page, with `HASH` and perhaps
    /// remarks.
    pub fn api_key(&self) -> (String, String) {
        let command = self.block("sh", "gatepost api-key new");
        let ended = command::gatepost(&command.text.split_whitespace().skip(1).collect::<Vec<_>>());
        let (key, block) = ended.stdout.split_once("\n\n").unwrap();
        let hash = block.split("sha256 = \"").nth(1).unwrap().split('"').next().unwrap();
        let shown = self.block("toml", "[[api_keys]]");
        let shown = shown.text.lines().map(|line| line.split('#').next().unwrap().trim_end());
        let shown = shown.collect::<Vec<_>>().join("\n");
        let printed = block.replace(hash, "HASH");
        assert!(shown.contains(printed.trim_end()), "docs/{} has another block than\n{printed}", self.name);
        (key.to_owned(), hash.to_owned())
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
