//! Where a simulator or a test may stop the server: before, between and after the statements of a
//! write.

use sync_core::environment::{Crash, HookPlace, HookPoint, Hooks};

/// The hooks of one operation, counting its statements.
pub struct Stops<'a> {
    hooks: &'a dyn Hooks,
    operation: &'static str,
    statements: u32,
}

impl<'a> Stops<'a> {
    /// The hooks of `operation`.
    pub fn new(hooks: &'a dyn Hooks, operation: &'static str) -> Self {
        Self { hooks, operation, statements: 0 }
    }

    /// Before the transaction.
    ///
    /// # Errors
    /// If the operation is to end here.
    pub async fn before(&self) -> Result<(), Crash> {
        self.at(HookPlace::Before).await
    }

    /// Between two statements, or steps of statements, inside the transaction.
    ///
    /// # Errors
    /// If the operation is to end here.
    pub async fn inside(&mut self) -> Result<(), Crash> {
        self.statements += 1;
        self.at(HookPlace::Inside(self.statements)).await
    }

    /// After the commit, before anyone learns of it.
    ///
    /// # Errors
    /// If the operation is to end here.
    pub async fn after(&self) -> Result<(), Crash> {
        self.at(HookPlace::After).await
    }

    async fn at(&self, place: HookPlace) -> Result<(), Crash> {
        self.hooks.at(HookPoint { operation: self.operation, place }).await
    }
}
