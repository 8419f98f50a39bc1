"""Who may do what: signed join tokens, roles, and which web pages may speak to us. Knows no room state."""
