"""What those who look after syncd may ask: is it alive, is it ready, how is it, and its metrics. Never for the internet."""
