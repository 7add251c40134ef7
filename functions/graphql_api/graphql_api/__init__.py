"""What browsers, command lines and programs ask of a zoo: GraphQL over HTTP, subscriptions by server-sent events."""
