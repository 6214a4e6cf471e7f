//! SQL straight at the database, for checks and mutants.

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::Postgres;

/// A session as the owner. Values are texts.
pub struct Query {
    client: Client,
}

impl Query {
    pub(super) async fn connect(postgres: &Postgres) -> Self {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&postgres.host)
            .port(postgres.port)
            .dbname(&postgres.database)
            .user(&postgres.user)
            .password(&postgres.password);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { client }
    }

    /// The rows of a statement.
    pub async fn rows(&self, text: &str) -> Vec<Vec<Option<String>>> {
        let messages = self.client.simple_query(text).await;
        let messages = messages.unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
            }
            _ => None,
        });
        rows.collect()
    }

    /// The first value of a statement, as a text.
    pub async fn value(&self, text: &str) -> Option<String> {
        self.rows(text).await.into_iter().next()?.into_iter().next()?
    }

    /// The first value of a statement, as a number.
    pub async fn number(&self, text: &str) -> i64 {
        let value = self
            .value(text)
            .await
            .unwrap_or_else(|| panic!("{text}: no value"));
        value
            .parse()
            .unwrap_or_else(|_| panic!("{text}: {value} is no number"))
    }

    /// Runs statements.
    pub async fn run(&self, text: &str) {
        self.client
            .batch_execute(text)
            .await
            .unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }

    /// The text of a function, to put it back after a mutant.
    pub async fn function(&self, name: &str) -> String {
        self.value(&format!("select pg_get_functiondef('{name}'::regproc)"))
            .await
            .unwrap()
    }
}
