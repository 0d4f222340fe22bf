"""What other engines are told: schemas, documents and queries, as their interfaces take them."""
