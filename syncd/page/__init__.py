"""The page: what an owner and an operator want to look at rather than read. It looks by what the commands look by."""
