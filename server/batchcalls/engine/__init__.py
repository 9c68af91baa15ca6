"""The trio side: decides by the core, acts through carriers and the journal, tells the hub."""
