"""Products for a customer: what she buys again, and what she may like that she never bought."""
