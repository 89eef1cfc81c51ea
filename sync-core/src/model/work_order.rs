//! Work orders (派工单) and their visits.

use serde::{Deserialize, Serialize};

/// The fact types of work orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum WorkOrderFact {}
