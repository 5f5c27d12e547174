"""AIL's side: takes what AIL collects from its queues, and gives tags back."""
