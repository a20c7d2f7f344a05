"""Where people are told: webhook, ntfy, Discord and Slack."""
