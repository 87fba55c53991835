//! What became of messages: lists of them, and the stream of their changes.

use super::{EmbeddedStore, changes, reads};
use crate::{
    message::{Message, MessageId, Recipient, State},
    store::{Change, Filter, History, StoreError},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use rusqlite::{Connection, Statement, ToSql};
use tokio::sync::watch;

/// Reads of lists and changes at once.
pub(super) const READERS: usize = 2;

/// How far the ways to a list are walked to see which one is the shortest.
const LOOK: usize = 1000;

/// How many messages are looked at in one read. Where no member of a filter is rare and few messages have all of them, millions may have
/// to be; and as long as a read goes on, the write-ahead log can't be emptied, for which the writer waits.
const WALK: usize = 10_000;

impl History for EmbeddedStore {
    fn list(
        &self,
        filter: &Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        let (filter, mut range) = (filter.clone(), Range::of(filter, before));
        async move {
            let mut found = Vec::new();
            loop {
                let (wanted, left) = (filter.clone(), limit - found.len());
                let read = move |connection: &Connection| piece(connection, &wanted, range, left, WALK);
                let (messages, border) = self.read_with(&self.history, read).await?;
                found.extend(messages);
                match border {
                    Some(border) if found.len() < limit => range.end = border,
                    _ => return Ok(found),
                }
            }
        }
        .boxed()
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        self.read_with(&self.history, move |connection| changes::after(connection, after, limit))
    }

    fn latest(&self) -> watch::Receiver<u64> {
        self.latest.clone()
    }
}

/// A way to the messages of a list, in the order of their ids: along an index for one of the filter's members, or the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Recipient,
    Tag,
    ApiKey,
    Gateway,
    /// The messages of one state after the other: an index is in the order of ids within each.
    States,
    Key,
}

impl Way {
    /// The ways that there are, the one that is shorter as a rule first.
    pub(super) fn all(filter: &Filter) -> Vec<Self> {
        // Nearly all messages end in these.
        let common = |state: &State| matches!(state, State::Sent | State::Delivered);
        let rare = !filter.states.iter().any(common);
        let ways = [
            (filter.to.is_some(), Self::Recipient),
            (filter.tag.is_some(), Self::Tag),
            (!filter.states.is_empty() && rare, Self::States),
            (filter.api_key.is_some(), Self::ApiKey),
            (filter.gateway.is_some(), Self::Gateway),
            (!filter.states.is_empty() && !rare, Self::States),
        ];
        let there_are =
            ways.into_iter().filter_map(|(is_there, way)| is_there.then_some(way)).collect::<Vec<_>>();
        if there_are.is_empty() { vec![Self::Key] } else { there_are }
    }

    /// Table and its short name, index, and the condition that the index answers.
    fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Recipient => ("message m INDEXED BY message_recipient", "m", "m.recipient = :to AND "),
            Self::Tag => ("message m INDEXED BY message_tag", "m", "m.tag = :tag AND "),
            Self::ApiKey => ("message m INDEXED BY message_api_key", "m", "m.api_key = :api_key AND "),
            Self::Gateway => ("state s INDEXED BY state_gateway", "s", "s.gateway = :gateway AND "),
            Self::States => ("state s INDEXED BY state_state", "s", "s.state = :state AND "),
            Self::Key => ("message m", "m", ""),
        }
    }

    /// Ids along this way that the whole filter wants. The joined table, if one is needed, is looked up row by row.
    pub(super) fn query(self, filter: &Filter) -> String {
        let (table, first, condition) = self.parts();
        let mut query = format!("SELECT {first}.id FROM {table}");
        let others = [
            (filter.to.is_some(), Self::Recipient, "m", " AND m.recipient = :to"),
            (filter.tag.is_some(), Self::Tag, "m", " AND m.tag = :tag"),
            (filter.api_key.is_some(), Self::ApiKey, "m", " AND m.api_key = :api_key"),
            (filter.gateway.is_some(), Self::Gateway, "s", " AND s.gateway = :gateway"),
            (!filter.states.is_empty(), Self::States, "s", " AND (1 << s.state) & :states"),
        ];
        let others = others.iter().filter(|(is_there, way, _, _)| *is_there && *way != self);
        if let Some((_, _, other, _)) = others.clone().find(|(_, _, table, _)| *table != first) {
            let name = if *other == "m" { "message" } else { "state" };
            // CROSS: in this order, whatever the planner thinks.
            query += &format!(" CROSS JOIN {name} {other} ON {other}.id = {first}.id");
        }
        query += &format!(" WHERE {condition}{first}.id >= :first AND {first}.id < :end");
        query.extend(others.map(|(_, _, _, condition)| *condition));
        query + &format!(" ORDER BY {first}.id DESC LIMIT :limit")
    }

    /// The message before which so many others stand along this way.
    pub(super) fn border_query(self) -> String {
        let (table, first, condition) = self.parts();
        format!(
            "SELECT {first}.id FROM {table} WHERE {condition}{first}.id >= :first AND {first}.id < :end
             ORDER BY {first}.id DESC LIMIT 1 OFFSET :limit"
        )
    }

    /// How many messages stand along this way, up to a limit.
    pub(super) fn length_query(self) -> String {
        let (table, first, condition) = self.parts();
        format!(
            "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition}{first}.id >= :first AND {first}.id < :end LIMIT :limit)"
        )
    }
}

/// The messages that can be on a page at all: from `first` on, before `end`.
#[derive(Clone, Copy)]
struct Range {
    first: MessageId,
    end: MessageId,
}

impl Range {
    fn of(filter: &Filter, before: Option<MessageId>) -> Self {
        let until = filter.until.map(MessageId::first_at);
        Self {
            first: filter.since.map_or(MessageId::from_bytes([0; 16]), MessageId::first_at),
            end: [before, until].into_iter().flatten().min().unwrap_or(MessageId::from_bytes([0xff; 16])),
        }
    }
}

/// The first messages of a range, and, unless the whole of it was looked at, the id before which it is to go on.
fn piece(
    connection: &Connection,
    filter: &Filter,
    mut range: Range,
    limit: usize,
    walk: usize,
) -> rusqlite::Result<(Vec<Message>, Option<MessageId>)> {
    // One snapshot, so that each message is as the filter found it.
    let snapshot = connection.unchecked_transaction()?;
    let way = shortest(&snapshot, filter, &range)?;
    let border = border(&snapshot, way, filter, &range, walk)?;
    range.first = border.unwrap_or(range.first);
    let mut found = Vec::new();
    for state in states_along(way, filter) {
        let mut statement = snapshot.prepare_cached(&way.query(filter))?;
        bind(&mut statement, filter, &range, state, limit)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            found.push(MessageId::from_bytes(row.get(0)?));
        }
    }
    let mut statement = snapshot.prepare_cached(ARRIVED)?;
    bind(&mut statement, filter, &range, None, limit)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        found.push(MessageId::from_bytes(row.get(0)?));
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.truncate(limit);
    let messages = found.into_iter().map(|id| reads::message_in(&snapshot, id));
    Ok((messages.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?, border))
}

/// Those that have just arrived are on no way: all of them are looked at.
const ARRIVED: &str = "
    SELECT id FROM arrival
    WHERE id >= :first AND id < :end AND (:to IS NULL OR recipient = :to) AND (:tag IS NULL OR tag = :tag)
          AND (:api_key IS NULL OR api_key = :api_key) AND (:gateway IS NULL OR gateway = :gateway)
          AND (:states = 0 OR :states & 1)
    ORDER BY id DESC LIMIT :limit";

/// How far a walk of so many messages leads; `None`: to the end.
fn border(
    connection: &Connection,
    way: Way,
    filter: &Filter,
    range: &Range,
    walk: usize,
) -> rusqlite::Result<Option<MessageId>> {
    let mut border = None;
    // Along a single way everything is wanted: no walk is longer than its page.
    if Way::all(filter).len() > 1 {
        for state in states_along(way, filter) {
            let mut statement = connection.prepare_cached(&way.border_query())?;
            bind(&mut statement, filter, range, state, walk)?;
            let mut rows = statement.raw_query();
            let id = rows.next()?.map(|row| row.get(0)).transpose()?.map(MessageId::from_bytes);
            border = border.max(id);
        }
    }
    Ok(border)
}

/// The way along which the fewest messages stand. A page is then found at once if any one member of the filter is rare.
fn shortest(connection: &Connection, filter: &Filter, range: &Range) -> rusqlite::Result<Way> {
    let ways = Way::all(filter);
    let (mut best, mut length_of_best) = (ways.first().copied().unwrap_or(Way::Key), i64::MAX);
    // With one way there is nothing to choose.
    for &way in ways.iter().filter(|_| ways.len() > 1) {
        let mut length = 0;
        for state in states_along(way, filter) {
            let mut statement = connection.prepare_cached(&way.length_query())?;
            bind(&mut statement, filter, range, state, LOOK)?;
            let mut rows = statement.raw_query();
            length += rows.next()?.map_or(Ok(0), |row| row.get::<_, i64>(0))?;
        }
        if length < length_of_best {
            (best, length_of_best) = (way, length);
        }
    }
    Ok(best)
}

/// A way along states is as many ways as there are states.
fn states_along(way: Way, filter: &Filter) -> Vec<Option<State>> {
    if way == Way::States { filter.states.iter().copied().map(Some).collect() } else { vec![None] }
}

/// Each statement has the parameters that its way and its filter need.
fn bind(
    statement: &mut Statement<'_>,
    filter: &Filter,
    range: &Range,
    state: Option<State>,
    limit: usize,
) -> rusqlite::Result<()> {
    let states = filter.states.iter().fold(0_i64, |states, state| states | 1 << state.number());
    let values: [(&str, &dyn ToSql); 9] = [
        (":first", range.first.as_bytes()),
        (":end", range.end.as_bytes()),
        (":limit", &i64::try_from(limit).unwrap_or(i64::MAX)),
        (":to", &filter.to.as_ref().map(Recipient::expose)),
        (":tag", &filter.tag),
        (":api_key", &filter.api_key),
        (":gateway", &filter.gateway),
        (":state", &state.map(State::number)),
        (":states", &states),
    ];
    for (name, value) in values {
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{NewMessage, Timestamp},
        store::{
            conformance::{new_message, sent},
            embedded::{arrivals, insert, record, schema, statements::Statements},
        },
    };

    fn plan(connection: &Connection, query: &str) -> String {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let nulls = vec![rusqlite::types::Value::Null; statement.parameter_count()];
        let lines = statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3));
        lines.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("\n")
    }

    /// Stores them, past the place where messages arrive, which is on no way.
    fn put(connection: &Connection, batch: &[NewMessage]) {
        let statements = Statements::on(connection);
        insert::batch(&statements, batch, None).unwrap();
        arrivals::spread(&statements, &[0; 16], &[0xff; 16]).unwrap();
    }

    /// Every combination of members that a filter can have.
    fn filters() -> impl Iterator<Item = Filter> {
        (0..96).map(|number: usize| {
            let has = |bit: usize| (number / 3) & (1 << bit) > 0;
            let text = |bit, text: &str| has(bit).then(|| text.to_owned());
            Filter {
                states: [vec![], vec![State::Sent], vec![State::Queued, State::Failed]][number % 3].clone(),
                gateway: text(0, "one"),
                to: has(1).then(|| Recipient::new("+49")),
                tag: text(2, "login"),
                api_key: text(3, "app"),
                since: has(4).then_some(Timestamp::from_millis(0)),
                until: has(4).then_some(Timestamp::from_millis(1)),
            }
        })
    }

    #[test]
    fn every_list_goes_along_an_index_in_the_order_of_ids() {
        let root = tempfile::tempdir().unwrap();
        let connection = schema::open(&root.path().join("gatepost.db")).unwrap();
        let mut seen = 0;
        for filter in filters() {
            for way in Way::all(&filter) {
                let wanted = match way {
                    Way::Recipient => {
                        "SEARCH m USING COVERING INDEX message_recipient (recipient=? AND id>? AND id<?)"
                    }
                    Way::Tag => "SEARCH m USING COVERING INDEX message_tag (tag=? AND id>? AND id<?)",
                    Way::ApiKey => {
                        "SEARCH m USING COVERING INDEX message_api_key (api_key=? AND id>? AND id<?)"
                    }
                    Way::Gateway => {
                        "SEARCH s USING COVERING INDEX state_gateway (gateway=? AND id>? AND id<?)"
                    }
                    Way::States => "SEARCH s USING COVERING INDEX state_state (state=? AND id>? AND id<?)",
                    Way::Key => "SEARCH m USING PRIMARY KEY (id>? AND id<?)",
                };
                for query in [way.query(&filter), way.border_query(), way.length_query()] {
                    let plan = plan(&connection, &query);
                    // Covering or not: where it is joined or filtered, the row is looked at too.
                    let plan_of_way = plan.replace("COVERING ", "");
                    assert!(plan_of_way.contains(&wanted.replace("COVERING ", "")), "{query}\n{plan}");
                    assert!(!plan.contains("TEMP B-TREE"), "{query}\n{plan}");
                    assert!(
                        plan.lines().all(|line| !line.starts_with("SCAN") || line == "SCAN (subquery-1)"),
                        "{query}\n{plan}"
                    );
                    seen += 1;
                }
            }
        }
        assert!(seen > 300, "{seen}");
        let plan = plan(&connection, changes::AFTER);
        let (of_changes, _) = plan.split_once("\nRIGHT\n").unwrap();
        assert_eq!(of_changes, "MERGE (UNION ALL)\nLEFT\nSEARCH change USING INTEGER PRIMARY KEY (rowid>?)");
    }

    #[test]
    fn the_shortest_way_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let connection = schema::open(&root.path().join("gatepost.db")).unwrap();
        let batch = (0..50).map(|number| {
            let to = Recipient::new(if number < 3 { "rare" } else { "often" });
            NewMessage { to, ..new_message("one", "hello") }
        });
        let batch = batch.collect::<Vec<_>>();
        put(&connection, &batch);
        record::step(&Statements::on(&connection), &sent(&batch[7])).unwrap();
        let way = |to: &str, states: &[State]| {
            let to = Some(Recipient::new(to));
            let filter =
                Filter { to, states: states.to_vec(), tag: Some("login".into()), ..Filter::default() };
            shortest(&connection, &filter, &Range::of(&filter, None)).unwrap()
        };
        assert_eq!(way("rare", &[State::Queued]), Way::Recipient);
        assert_eq!(way("often", &[State::Sent]), Way::States);
        assert_eq!(way("often", &[State::Sent, State::Queued]), Way::Recipient);
    }

    #[test]
    fn a_long_walk_is_made_in_pieces() {
        let root = tempfile::tempdir().unwrap();
        let connection = schema::open(&root.path().join("gatepost.db")).unwrap();
        let batch = (0..40).map(|number| NewMessage {
            tag: Some(if number % 7 == 0 { "alert" } else { "login" }.to_owned()),
            api_key: Some(if number % 3 == 0 { "app" } else { "web" }.to_owned()),
            ..new_message("one", "hello")
        });
        let batch = batch.collect::<Vec<_>>();
        put(&connection, &batch);
        for new in batch.iter().step_by(2) {
            record::step(&Statements::on(&connection), &sent(new)).unwrap();
        }
        for states in [vec![], vec![State::Queued], vec![State::Queued, State::Sent]] {
            let tag = Some("login".into());
            let filter = Filter { states, tag, api_key: Some("app".into()), ..Filter::default() };
            let (all, _) = piece(&connection, &filter, Range::of(&filter, None), 100, 100).unwrap();
            assert!(all.len() >= 5, "{}", all.len());
            let (mut found, mut pieces, mut range) = (Vec::new(), 0, Range::of(&filter, None));
            loop {
                let (messages, border) = piece(&connection, &filter, range, 100, 3).unwrap();
                assert!(messages.len() <= 8, "three of each state and the border's own at most");
                found.extend(messages);
                pieces += 1;
                let Some(border) = border else { break };
                range.end = border;
            }
            assert_eq!(found, all);
            assert!(pieces > 2, "{pieces}");
        }
    }
}
