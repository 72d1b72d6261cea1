"""What the house's own documents and product records say. Every sentence is a quote with its place."""
