"""Policy 规划: a plan is data, each rule with its clause and quotation."""
