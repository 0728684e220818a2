"""OpenAPI document: problems, headers, examples, webhooks."""
