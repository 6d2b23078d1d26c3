"""One module for each revision; none is changed once it was released."""
