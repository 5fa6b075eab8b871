"""Import: survey the objects of an account, bind them to addresses, and find objects that the state does not know."""
