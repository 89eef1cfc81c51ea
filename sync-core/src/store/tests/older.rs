//! What tests of older stores need.

use super::*;

impl Store {
    /// Makes a file of these statements.
    pub(crate) async fn make_file(path: &std::path::Path, statements: &'static str) {
        let mut connection = open::connect(path).await.expect("makes it");
        sqlx::raw_sql(statements).execute(&mut connection).await.expect("runs");
        connection.close().await.expect("closes");
    }
}
