"""An operator's commands: functions over the ledger and the ports that give plain data, and the socket that serves them."""
